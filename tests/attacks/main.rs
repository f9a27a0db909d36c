//! The attacks that must fail, with the commands that an operator types: each refusal names its rule, and leaves vault, state and
//! destination as they were.
//!
//! The finer grains lie where the code is: archives in `pouch-archive`, signatures and sequence in `pouch-open`, and
//! every rule once more in `tests/vectors`.

#![cfg(test)]

mod courier;
mod home;
mod stage;
