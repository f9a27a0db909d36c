//! The way of a private key from one token into another.

use super::{BackupError, Cargo, Transport, Wrapping, transport::Offers};
use crate::{
    device::DeviceError,
    key::{self, Usage},
    public::strip,
    session::LoggedIn,
    uri::Uri,
};
use cryptoki::{
    error::{Error as Binding, RvError},
    mechanism::{
        Mechanism, MechanismType,
        aead::GcmParams,
        rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource},
    },
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};

/// Nonce of AES-GCM in bytes. Each wrapping key wraps one key.
const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;

/// Makes the copy, both halves, or nothing.
pub(super) fn carry(from: &LoggedIn, to: &LoggedIn, cargo: &Cargo, offers: Offers) -> Result<Transport, BackupError> {
    let (first, second) = (Side::new(from.writable()?), Side::new(to.writable()?));
    let mut way = Way { first, second, cargo, offers };
    let outcome = way.go();
    let Way { first, second, .. } = way;
    let lasted = !second.lasting.is_empty();
    // The transport keys too: whatever came of it, they have done their work.
    let cleared = first.clear(false).and(second.clear(outcome.is_err()));
    let copy = cargo.name_on(to.token());
    let left = |reason: String, cause| BackupError::LeftBehind { copy: copy.clone(), reason, cause: Box::new(cause) };
    match (outcome, cleared) {
        (Ok(transport), Ok(())) => Ok(transport),
        (Ok(_), Err(source)) => {
            let cause = BackupError::Step { step: "destroying the transport keys", source };
            Err(super::undo(to, &copy, cause))
        }
        // The transport keys go with the sessions, which end here.
        (Err(cause), _) if !lasted => Err(cause),
        (Err(cause), Err(source)) => Err(left(source.to_string(), cause)),
        // It says that it destroyed them.
        (Err(cause), Ok(())) => match to.assert_names_free(cargo) {
            Ok(()) => Err(cause),
            Err(seen) => Err(left(seen.to_string(), cause)),
        },
    }
}

/// One of the two tokens, and what was made on it.
struct Side {
    session: Session,
    /// Objects of the session.
    passing: Vec<ObjectHandle>,
    /// Objects that stay.
    lasting: Vec<ObjectHandle>,
}

impl Side {
    fn new(session: Session) -> Self {
        Self { session, passing: Vec::new(), lasting: Vec::new() }
    }

    fn passing(&mut self, object: ObjectHandle) -> ObjectHandle {
        self.passing.push(object);
        object
    }

    /// Destroys what must not stay; all of it, and the first failure is told.
    fn clear(self, lasting_too: bool) -> Result<(), DeviceError> {
        let lasting = if lasting_too { self.lasting } else { Vec::new() };
        let mut outcome = Ok(());
        for object in self.passing.into_iter().chain(lasting) {
            let gone = match self.session.destroy_object(object) {
                // What is not there needs no destroying.
                Ok(()) | Err(Binding::Pkcs11(RvError::ObjectHandleInvalid, _)) => Ok(()),
                Err(error) => Err(error.into()),
            };
            outcome = outcome.and(gone);
        }
        outcome
    }
}

fn step(step: &'static str) -> impl Fn(Binding) -> BackupError {
    move |error| BackupError::Step { step, source: error.into() }
}

struct Way<'a> {
    first: Side,
    second: Side,
    cargo: &'a Cargo,
    offers: Offers,
}

impl Way<'_> {
    fn go(&mut self) -> Result<Transport, BackupError> {
        let (modulus, opener) = self.make_transport_pair()?;
        let wrapper = self.make_wrapping_key(&modulus)?;
        let (key, oaep_sha256) = self.carry_wrapping_key(wrapper.0, wrapper.1, opener)?;
        self.carry_private_half(wrapper.1, key)?;
        self.write_public_half()?;
        Ok(Transport { wrapping: self.offers.wrapping, oaep_sha256, rsa_bits: self.offers.rsa_bits })
    }

    /// The second token makes an RSA pair that does nothing but unwrap.
    fn make_transport_pair(&mut self) -> Result<(Vec<Attribute>, ObjectHandle), BackupError> {
        let failed = step("making the transport key on the second token");
        let bits = self.offers.rsa_bits.try_into().map_err(&failed)?;
        let public = [
            Attribute::Token(false),
            Attribute::Private(false),
            Attribute::Wrap(true),
            Attribute::ModulusBits(bits),
            Attribute::PublicExponent(vec![1, 0, 1]),
        ];
        let private = [
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Unwrap(true),
            Attribute::Decrypt(false),
            Attribute::Sign(false),
        ];
        let session = &self.second.session;
        let (public, private) =
            session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private).map_err(&failed)?;
        self.second.passing.extend([public, private]);
        let asked = [AttributeType::Modulus, AttributeType::PublicExponent];
        let numbers = self.second.session.get_attributes(public, &asked).map_err(&failed)?;
        let numbers = numbers.into_iter().map(|number| match number {
            Attribute::Modulus(bytes) => Attribute::Modulus(strip(&bytes)),
            other => other,
        });
        Ok((numbers.collect(), private))
    }

    /// The first token takes the public half of that pair and makes an AES key.
    fn make_wrapping_key(&mut self, numbers: &[Attribute]) -> Result<(ObjectHandle, ObjectHandle), BackupError> {
        let mut template = vec![
            Attribute::Class(ObjectClass::PUBLIC_KEY),
            Attribute::KeyType(KeyType::RSA),
            Attribute::Token(false),
            Attribute::Private(false),
            Attribute::Wrap(true),
        ];
        template.extend_from_slice(numbers);
        let failed = step("giving the transport key to the first token");
        let transport = self.first.session.create_object(&template).map_err(failed)?;
        let transport = self.first.passing(transport);
        let key = new_wrapping_key(&self.first.session)?;
        Ok((transport, self.first.passing(key)))
    }

    /// The AES key goes over, by the best hash that both take.
    fn carry_wrapping_key(
        &mut self,
        transport: ObjectHandle,
        key: ObjectHandle,
        opener: ObjectHandle,
    ) -> Result<(ObjectHandle, bool), BackupError> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Unwrap(true),
        ];
        let mut refusal = None;
        for (hash, mgf, sha256) in [
            (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, true),
            (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1, false),
        ] {
            let oaep = Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mgf, PkcsOaepSource::empty()));
            let wrapped = self.first.session.wrap_key(&oaep, transport, key);
            let arrived = match wrapped.map_err(|error| ("wrapping the wrapping key on the first token", error)) {
                Ok(wrapped) => {
                    let arrived = self.second.session.unwrap_key(&oaep, opener, &wrapped, &template);
                    arrived.map_err(|error| ("unwrapping the wrapping key on the second token", error))
                }
                Err(refused) => Err(refused),
            };
            match arrived {
                Ok(arrived) => return Ok((self.second.passing(arrived), sha256)),
                Err((at, error)) if sha256 && is_refused_parameter(&error) => refusal = Some(step(at)(error)),
                Err((at, error)) => return Err(step(at)(error)),
            }
        }
        Err(refusal.unwrap_or(BackupError::Device(DeviceError::absurd("C_WrapKey"))))
    }

    fn carry_private_half(&mut self, wrapper: ObjectHandle, unwrapper: ObjectHandle) -> Result<(), BackupError> {
        let mut nonce = fresh_nonce()?;
        let mut again = nonce;
        let failed = step("wrapping the private key on the first token");
        let mechanism = by(self.offers.wrapping, &mut nonce).map_err(&failed)?;
        let wrapped = self.first.session.wrap_key(&mechanism, wrapper, self.cargo.key.handle).map_err(failed)?;
        let failed = step("unwrapping the private key on the second token");
        let mechanism = by(self.offers.wrapping, &mut again).map_err(&failed)?;
        let template = self.private_template();
        let copy = self.second.session.unwrap_key(&mechanism, unwrapper, &wrapped, &template).map_err(failed)?;
        self.second.lasting.push(copy);
        Ok(())
    }

    fn names(&self) -> Vec<Attribute> {
        let mut names = vec![Attribute::KeyType(self.cargo.kind), Attribute::Token(true)];
        names.extend(self.cargo.key.uri.object().map(|label| Attribute::Label(label.as_bytes().to_vec())));
        names.extend(self.cargo.key.uri.id().map(|id| Attribute::Id(id.to_vec())));
        names
    }

    fn private_template(&self) -> Vec<Attribute> {
        let can = |usage| self.cargo.usages.contains(&usage);
        let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
        template.extend(self.names());
        template.extend([
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(can(Usage::Sign)),
            Attribute::Decrypt(can(Usage::Decrypt)),
            Attribute::Derive(can(Usage::Derive)),
            Attribute::Unwrap(false),
        ]);
        template
    }

    fn write_public_half(&mut self) -> Result<(), BackupError> {
        let mut template = vec![Attribute::Class(ObjectClass::PUBLIC_KEY)];
        template.extend(self.names());
        template.push(Attribute::Private(false));
        template.extend_from_slice(&self.cargo.numbers);
        let failed = step("writing the public half on the second token");
        let public = self.second.session.create_object(&template).map_err(failed)?;
        self.second.lasting.push(public);
        Ok(())
    }
}

/// An AES-256 key of the session, to be wrapped in turn. It never is in the clear.
fn new_wrapping_key(session: &Session) -> Result<ObjectHandle, BackupError> {
    let template = [
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(true),
        Attribute::ValueLen(32_u64.into()),
        Attribute::Wrap(true),
    ];
    let made = session.generate_key(&Mechanism::AesKeyGen, &template);
    made.map_err(step("making the wrapping key on the first token"))
}

fn fresh_nonce() -> Result<[u8; NONCE_BYTES], BackupError> {
    let mut nonce = [0; NONCE_BYTES];
    sequoia_openpgp::crypto::random(&mut nonce).map_err(|_| DeviceError::absurd("the random generator"))?;
    Ok(nonce)
}

fn by(wrapping: Wrapping, nonce: &mut [u8]) -> Result<Mechanism<'_>, Binding> {
    Ok(match wrapping {
        Wrapping::AesKeyWrapPad => Mechanism::AesKeyWrapPad,
        Wrapping::AesGcm => Mechanism::AesGcm(GcmParams::new(nonce, &[], TAG_BITS.into())?),
    })
}

impl LoggedIn {
    /// Wraps a key that was made for a backup with a key that is thrown away, to see whether the token does that.
    pub(crate) fn try_wrapping(&self, uri: &Uri, wrapping: Wrapping) -> Result<(), BackupError> {
        let (logged_in, uri, token) = (self.clone(), uri.clone(), self.token());
        token.ask(token.deadlines.answer, "trying to wrap a key", move |token| {
            let mut side = Side::new(logged_in.writable()?);
            let key = key::find_private(&side.session, token.uri(), &uri)?;
            let wrapper = new_wrapping_key(&side.session)?;
            side.passing(wrapper);
            let mut nonce = fresh_nonce()?;
            let failed = step("trying to wrap the new key");
            let mechanism = by(wrapping, &mut nonce).map_err(&failed)?;
            let wrapped = side.session.wrap_key(&mechanism, wrapper, key.handle).map(drop).map_err(&failed);
            let cleared =
                side.clear(true).map_err(|source| BackupError::Step { step: "destroying the wrapping key", source });
            wrapped.and(cleared)
        })
    }
}

/// Whether the token does not know such a hash in OAEP, in the various words of tokens.
fn is_refused_parameter(error: &Binding) -> bool {
    matches!(
        error,
        Binding::Pkcs11(RvError::ArgumentsBad | RvError::MechanismParamInvalid | RvError::MechanismInvalid, _)
    )
}
