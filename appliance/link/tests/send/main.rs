//! The sending end, into a wire that remembers everything.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod clerk;
mod cli;
mod faults;
mod only;
mod order;
mod pouch;
mod record;
mod turns;
