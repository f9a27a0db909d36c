//! What a pouch is: manifest, index, names, limits and rule ids. Bytes in, values out.
//!
//! This crate reads no file, opens no socket and decrypts nothing. The normative text is `SPEC.md` beside this crate;
//! start reading at [`manifest`].

pub mod limits;
mod rule;

pub use rule::Rule;
