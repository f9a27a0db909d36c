//! What belongs together in a token: private and public half of a key pair, and the two halves of a composite key.

use super::{Finding, ObjectInventory};
use crate::{composite::Composite, generate::Algorithm, public::PublicKey, uri::ObjectType};
use cryptoki::object::KeyType;

/// Gives private keys the public half beside them: of the same type, by the same id, else by the same label.
pub(super) fn pair(objects: &mut [ObjectInventory], logged_in: bool) {
    let of_class = |wanted: ObjectType| -> Vec<ObjectInventory> {
        objects.iter().filter(|object| object.class == wanted).cloned().collect()
    };
    let (public, private) = (of_class(ObjectType::Public), of_class(ObjectType::Private));
    for object in objects.iter_mut() {
        match object.class {
            ObjectType::Private => match beside(object, &public) {
                Some(half) => {
                    (object.public, object.algorithm) = (half.public.clone(), half.algorithm.clone());
                    // What is wrong with the numbers is wrong with both halves.
                    object.findings.extend(half.findings.iter().filter(|finding| finding.is_of_numbers()).cloned());
                }
                None => object.findings.push(Finding::NoPublicHalf),
            },
            ObjectType::Public if logged_in && beside(object, &private).is_none() => {
                object.findings.push(Finding::NoPrivateHalf);
            }
            _ => {}
        }
    }
}

impl Finding {
    fn is_of_numbers(&self) -> bool {
        matches!(self, Self::RsaBits { .. } | Self::UnknownType { .. })
    }
}

/// The one of `others` that makes a key pair with `object`; some tools give every key the same id, then the label decides.
fn beside<'a>(object: &ObjectInventory, others: &'a [ObjectInventory]) -> Option<&'a ObjectInventory> {
    let fits = |other: &&ObjectInventory| belong_together(object, other);
    let of_label = |other: &&ObjectInventory| other.uri.object() == object.uri.object();
    others.iter().filter(fits).find(of_label).or_else(|| others.iter().find(fits))
}

fn belong_together(one: &ObjectInventory, other: &ObjectInventory) -> bool {
    let names = match (one.uri.id(), other.uri.id()) {
        (Some(one), Some(other)) => one == other,
        _ => one.uri.object().is_some() && one.uri.object() == other.uri.object(),
    };
    // What does not tell its type may be of any.
    names && (one.kind == other.kind || one.kind.is_none() || other.kind.is_none())
}

/// Finds the halves of composite keys, halves that are alone, and keys of one class that share a name or have none.
pub(super) fn name(objects: &mut [ObjectInventory]) {
    let keys: Vec<ObjectInventory> = objects.iter().filter(|object| is_key(object.class)).cloned().collect();
    for object in objects.iter_mut().filter(|object| is_key(object.class)) {
        let of_class = || keys.iter().filter(|other| other.class == object.class);
        object.half_of = composite(object, of_class());
        let alone = if object.half_of.is_some() { 2 } else { 1 };
        let label = object.uri.object();
        let labels = label.map(|label| of_class().filter(|other| other.uri.object() == Some(label)).count());
        let ids = object.uri.id().map(|id| of_class().filter(|other| other.uri.id() == Some(id)).count());
        let nameless = labels.is_none() && ids.is_none();
        for (what, count) in [("label", labels), ("id", ids)] {
            if let Some(count) = count.filter(|&count| count > alone) {
                object.findings.push(Finding::NotAlone { what, count });
            }
        }
        if nameless {
            object.findings.push(Finding::Nameless);
        }
        if let Some(composite) = lonely(object) {
            object.findings.push(Finding::NoOtherHalf { composite });
        }
    }
}

/// The composite key of which `object` is a half: exactly two keys have its label and id, and their types make one.
fn composite<'a>(object: &ObjectInventory, of_class: impl Iterator<Item = &'a ObjectInventory>) -> Option<Composite> {
    let named = object.uri.object().is_some() && object.uri.id().is_some();
    let same: Vec<_> = of_class.filter(|other| named && other.uri == object.uri).map(algorithm).collect();
    Composite::ALL.into_iter().find(|composite| {
        let [one, two] = composite.halves().map(Some);
        same == [one, two] || same == [two, one]
    })
}

/// The composite key that a post-quantum key is half of, when the other half is not there.
fn lonely(object: &ObjectInventory) -> Option<Composite> {
    let own = algorithm(object).filter(|_| object.half_of.is_none())?;
    Composite::ALL.into_iter().find(|composite| matches!(composite.halves(), [_, post_quantum] if post_quantum == own))
}

/// Of keys that can be halves of composite keys; the type decides where no public half is there to be asked.
fn algorithm(object: &ObjectInventory) -> Option<Algorithm> {
    match (&object.public, object.kind) {
        (Some(PublicKey::Ed25519(_)), _) => Some(Algorithm::Ed25519),
        (Some(PublicKey::X25519(_)), _) => Some(Algorithm::X25519),
        (Some(PublicKey::MlDsa65(_)), _) => Some(Algorithm::MlDsa65),
        (Some(PublicKey::MlKem768(_)), _) => Some(Algorithm::MlKem768),
        (None, Some(kind)) if object.findings.contains(&Finding::NoPublicHalf) => match kind {
            KeyType::EC_EDWARDS => Some(Algorithm::Ed25519),
            KeyType::EC_MONTGOMERY => Some(Algorithm::X25519),
            KeyType::ML_DSA => Some(Algorithm::MlDsa65),
            KeyType::ML_KEM => Some(Algorithm::MlKem768),
            _ => None,
        },
        _ => None,
    }
}

fn is_key(class: ObjectType) -> bool {
    matches!(class, ObjectType::Private | ObjectType::Public | ObjectType::SecretKey)
}
