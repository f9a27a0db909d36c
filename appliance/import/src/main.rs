//! The embassy's command.
fn main() {}
