//! The receiving end: from datagrams to a pouch in the quarantine.
//!
//! ```text
//! lane threads --Table--> file, open blocks --ready--> workers --complete--> keeper --> arrived/ --> hand-over
//!                            \--> reporter --> status.json, metrics.prom
//! ```
//! Start reading at [`run`], then `table`, `session`, `open`.

mod account;
mod alarm;
mod ballast;
pub mod check;
pub mod config;
pub mod diagnose;
pub mod discard;
mod displace;
mod gate;
mod hand_over;
mod jobs;
mod keeper;
mod lane;
pub mod latest;
pub mod listen;
mod metrics;
pub mod missing;
mod open;
mod quarantine;
pub mod report;
mod reporter;
mod resume;
mod run;
mod sequence;
mod session;
pub mod settings;
mod stage;
mod states;
mod store;
mod table;
pub mod view;
mod worker;

pub use hand_over::{HandOver, hand_over};
pub use run::{Lane, ReceiveError, Service, run};
