//! Attacks on a transcript. Whatever is done to it or to what lies beside it is refused, and the place is named.

#![cfg(test)]

#[path = "../stage/mod.rs"]
mod stage;

mod command;
mod lines;
mod noise;
mod signature;
mod written;
