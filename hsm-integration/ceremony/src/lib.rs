//! Key ceremonies: one reviewed plan file in, keys in tokens and a signed transcript out.
//!
//! The way in, top down:
//!
//! 1. [`Plan::load`](plan::Plan::load) - what is to be made, checked field by field.
//! 2. [`Binding::load`](binding::Binding::load) - which device is which token of the plan.
//! 3. [`steps::of`] - the numbered steps that follow from the plan.
//! 4. [`Ceremony::open`](ceremony::Ceremony::open) - begins, or goes on after an interruption.
//! 5. [`engine::hold`] - announce, confirm, do, write down, for each step.
//! 6. [`transcript::verify`] - months later: whether the record is whole, and whose it is.
//! 7. [`report::html`] - the same on paper, to be signed by the people who were there.
//!
//! The same plan, with the same digest, is first rehearsed on throw-away tokens ([`rehearsal`]), with the same screens.
//!
//! What this crate never does: write a PIN or a share into a file other than the one that the binding names for it, a log, an
//! argument or an error; skip a step in silence; go on after something that the transcript could not take down; touch a
//! token before its step was announced and, where it cannot be undone, confirmed with `Yes`.

pub mod binding;
pub mod ceremony;
pub mod dialog;
pub mod engine;
mod made;
pub mod people;
mod pin;
pub mod plan;
pub mod rehearsal;
pub mod report;
pub mod steps;
pub mod transcript;
pub mod unattended;
mod work;

pub use work::certificate_file;
