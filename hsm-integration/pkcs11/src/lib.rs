//! OpenPGP keys that live in a PKCS#11 token: URIs, sessions, a sequoia Signer and Decryptor
