//! Objects that this crate would never make, made by calls of the test's own.

use super::PIN;
use cryptoki::{
    context::Pkcs11,
    mechanism::Mechanism,
    object::Attribute,
    session::{Session, UserType},
};
use openpgp_pkcs11::{Token, secrecy::SecretString};

/// A session of the test's own, to make objects that this crate would never make.
pub(crate) fn raw_session(token: &Token) -> Session {
    let module = Pkcs11::new(token.module_path()).unwrap();
    let session = module.open_rw_session(token.status().unwrap().slot.try_into().unwrap()).unwrap();
    // The login of the process counts; without one this is the first.
    let _ = session.login(UserType::User, Some(&SecretString::from(PIN)));
    session
}

pub(crate) fn make_key(session: &Session, label: &str, id: u8, private: &[Attribute]) {
    let names = [Attribute::Token(true), Attribute::Label(label.into()), Attribute::Id(vec![id])];
    let p256 = vec![0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let public =
        [&names[..], &[Attribute::EcParams(p256), Attribute::Verify(true), Attribute::Private(false)]].concat();
    let private = [&names[..], private].concat();
    session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).unwrap();
}
