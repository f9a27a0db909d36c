//! New composite keys: both halves in one token, under one name, or none of them.

use super::{Composite, CompositePublic};
use crate::{
    generate::{GenerateError, Order, assert_key_name, in_turn},
    session::LoggedIn,
    uri::Uri,
};
use cryptoki::{
    object::{Attribute, ObjectClass},
    session::Session,
};

/// A composite key made by [`LoggedIn::generate_composite`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewComposite {
    /// The private halves: label and id, which they share.
    pub uri: Uri,
    /// Their public halves.
    pub public: CompositePublic,
}

impl LoggedIn {
    /// Makes both halves of a composite key inside the token: sensitive, not extractable, both named by `label` and
    /// `id`. Either half may be needed to open what the other half alone protects from tomorrow's machines, so they live
    /// and die together.
    ///
    /// # Errors
    /// [`GenerateError`]: label or id is taken, the token does not offer one of the halves, or it made one otherwise than
    /// asked. No half is left behind.
    pub fn generate_composite(
        &self,
        composite: Composite,
        label: &str,
        id: &[u8],
    ) -> Result<NewComposite, GenerateError> {
        assert_key_name(label, id)?;
        let (token, logged_in) = (self.token(), self.clone());
        let [classical, post_quantum] = composite.halves();
        let orders = [
            Order::confined(classical, token.making(classical)?, label, id),
            Order::confined(post_quantum, token.making(post_quantum)?, label, id),
        ];
        let (label, id) = (label.to_owned(), id.to_vec());
        token.ask(token.deadlines.making, "making a key", move |_| logged_in.make_both(&orders, &label, &id))
    }

    fn make_both(&self, [one, two]: &[Order; 2], label: &str, id: &[u8]) -> Result<NewComposite, GenerateError> {
        let _one_at_a_time = in_turn();
        let session = self.writable()?;
        self.assert_free(&session, Some(label), Some(id))?;
        let make = || {
            let first = self.make_in(&session, one)?;
            let second = self.make_in(&session, two)?;
            let public = CompositePublic::of_halves(first.public, second.public);
            let public = public
                .ok_or(GenerateError::NotAsAsked { key: second.uri, what: "its halves make no composite key" })?;
            Ok(NewComposite { uri: first.uri, public })
        };
        make().inspect_err(|_| self.remove_half(&session, label, id))
    }

    /// A half alone is of no use, and would take the name. The name was free before, so it is ours.
    fn remove_half(&self, session: &Session, label: &str, id: &[u8]) {
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
            let template =
                [Attribute::Class(class), Attribute::Label(label.as_bytes().to_vec()), Attribute::Id(id.to_vec())];
            for object in session.find_objects(&template).unwrap_or_default() {
                if let Err(error) = session.destroy_object(object) {
                    tracing::warn!(token = %self.token().uri(), label, %error, "a half of a composite key is left over");
                }
            }
        }
    }
}
