//! An impairing relay: what a bad wire does to datagrams, on purpose and so that it can be done again.
//!
//! [`Relay`] is pure: a datagram and the time go in, datagrams come out, and everything random comes of one seed. It never
//! touches a socket; the binary `impair` puts it between two. Each impairment draws from numbers of its own, so that
//! turning one on does not change what another does. Start reading at [`Settings`].

mod counts;
mod damage;
mod inject;
mod loss;
mod pipeline;
mod random;
mod reorder;
mod settings;
pub mod wire;

pub use counts::Counts;
pub use loss::Loss;
pub use pipeline::Relay;
pub use random::Random;
pub use settings::{Burst, Cut, Settings, Shrink};
