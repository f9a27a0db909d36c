//! The sending end: from a pouch in the spool to datagrams.
//!
//! ```text
//! PouchStream --Plan--> Pool (hash, repair) --Window, Session--> Engine (turns, rate) --Lanes--> lower::Transmit
//! ```
//!
//! Reads a pouch twice and keeps neither it nor its tar: memory is bounded by two windows of repair symbols. Never: it
//! reads nothing from the link. Start reading at [`Engine::turn`].

mod clerk;
pub mod config;
mod engine;
mod lanes;
pub mod pace;
mod plan;
mod prepare;
pub mod report;
mod sent;
pub mod service;
mod session;
mod stream;
mod target;
mod window;

pub use clerk::{Clerk, STATUS, Snapshot, Start, TakeError};
pub use engine::{BEAT, Ended, Engine, Progress, Totals};
pub use lanes::{LaneState, Lanes};
pub use plan::{Parcel, Plan, PlanError, Settings, Share};
pub use prepare::{Outgoing, Pool, PrepareError};
pub use sent::{Entry, SentError, SentLog};
pub use session::{Sent, SessionError};
pub use stream::{PouchStream, StreamError};
pub use target::Target;
