//! The receiving end: from datagrams to a pouch in the quarantine.

pub mod listen;
pub mod report;
pub mod settings;
