//! Archives that must be refused, each with the rule that refuses it; made from nothing but bytes, so that no writer of
//! archives has a say in what can be tried.
//!
//! Other test crates include this folder by `#[path]`; it needs `pouch_format::Rule` and nothing else.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "several test crates include this folder, and each uses a part of it"
)]

mod build;
mod ends;
mod headers;
mod names;
mod pax;
mod regressions;
mod uncanonical;

use pouch_format::Rule;

pub use build::{Header, archive, dir, file, pax_header, record};
pub use uncanonical::uncanonical;

/// One archive and what is to be said of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// In kebab case, unique; fit for a file name.
    pub name: String,
    /// The rule that refuses it.
    pub rule: Rule,
    /// The archive.
    pub bytes: Vec<u8>,
}

impl Case {
    fn new(name: impl Into<String>, rule: Rule, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), rule, bytes }
    }
}

/// Every archive that both modes of the walker refuse.
pub fn hostile() -> Vec<Case> {
    [headers::cases(), names::cases(), pax::cases(), ends::cases(), regressions::cases()].concat()
}
