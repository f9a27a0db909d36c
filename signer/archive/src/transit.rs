//! A pouch in transit: one plain tar of its parts, which nobody need ever make as a whole.
//!
//! ```text
//! [head: land-000041/manifest.json 512][content][zeros to 512]
//! [head: land-000041/manifest.json.sig ][content][zeros]
//! [head: land-000041/segment-000000.pgp][content][zeros] ...
//! [head: land-000041/index-000000.pgp  ][content][zeros] ...
//! [zeros 1024]
//! ```
//!
//! SPEC.md, in transit. The pouch's name and the parts' sizes decide every byte that is not a part's own, so
//! whoever sends computes any range of it from a [`Layout`], and whoever receives believes nothing: an [`Index`] is made
//! only of exactly the bytes that the layout of the same names and sizes has. Nothing here opens a file. Start reading
//! at [`Layout::pieces`].

mod index;
mod layout;
mod pieces;
mod place;
#[cfg(test)]
mod tests;

pub use index::{Fault, Index, IndexError};
pub use layout::{Extent, Layout, LayoutError};
pub use pieces::{Piece, Pieces};
pub use place::Place;
