//! End to end: the main path, the attacks, the vectors, the faults, the house rules.
//!
//! What the tests and the demo share lives here; the tests themselves lie beside this folder and are listed in
//! `Cargo.toml`. Start reading at `main_path.rs`, or at `bin/demo.rs` for the whole way of the data.

pub mod crossing;
pub mod freight;
pub mod kill;
pub mod link_vectors;
pub mod netns;
pub mod officer;
pub mod place;
pub mod postgres;
pub mod process;
pub mod relay;
pub mod sample;
pub mod software;
pub mod terminal;
pub mod truth;
pub mod vectors;
