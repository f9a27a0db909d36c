//! What can go wrong at the two ends of a link: receivers that are killed, disks that are full, floods, lanes that fail,
//! pouches that change. Nothing wrong ever arrives, and what is missing comes with the next round.

#![cfg(test)]

mod disk;
mod ends;
#[path = "../link_impairments/ground.rs"]
#[allow(dead_code, reason = "shared with another suite")]
mod ground;
mod killed;
