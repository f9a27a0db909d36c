//! The one-way link: pouches over a data diode, as datagrams that nothing answers.
//!
//! What goes over the wire stands in SPEC.md beside this crate, and here in [`datagram`], [`tag`], [`announcement`] and
//! [`heartbeat`]. Nothing of it is trusted: a pouch that has arrived is verified by `pouch-import`.
//!
//! Never: the receiver transmits nothing, not even a refusal; the sender reads nothing from the link.

pub mod amount;
pub mod announcement;
pub mod datagram;
mod fields;
pub mod heartbeat;
pub mod key_file;
pub mod lower;
pub mod receive;
pub mod send;
pub mod tag;
