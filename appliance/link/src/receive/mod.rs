//! The receiving end: from datagrams to a pouch in the quarantine.

pub mod amount;
pub mod config;
pub mod diagnose;
pub mod listen;
pub mod missing;
pub mod report;
pub mod settings;
pub mod view;
