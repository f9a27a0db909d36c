//! What carries a stream of bytes over a lossy way: blocks that prove themselves, symbols, repair, and the account of
//! what is missing. Shared by the one-way link and by removable media, which differ only in the size of a symbol.
//!
//! ```text
//! stream --Layout--> blocks --Block::seal--> K symbols of S bytes --Encoder--> + up to 256 repair symbols
//! symbols --Bitmap, Decoder--> block --Block::open--> stream
//! ```
//!
//! Bytes in, values out: it reads no file, sends nothing, keeps no clock. Nothing of it is the trust anchor: that is
//! the signed manifest. Start reading at [`Layout`].

mod bitmap;
mod block;
mod code;
mod interleave;
mod layout;
pub mod missing;
pub mod model;
pub mod resume;

pub use bitmap::Bitmap;
pub use block::{BlockHash, Context, Flawed, HASH, open, seal};
pub use code::{CodeError, Decoder, Encoder};
pub use interleave::windows;
pub use layout::{Block, Layout, LayoutError, Shape};

/// Most source symbols of a block.
pub const SOURCE_MOST: u16 = 1024;

/// Different repair symbols that a block has.
pub const REPAIR_MOST: u16 = 256;

/// Bytes that the size of a symbol is a multiple of.
pub const SYMBOL_UNIT: u16 = 64;

/// Largest symbol, in bytes: what fits an Ethernet frame of 9000 bytes, or two sectors of 4096.
pub const SYMBOL_MOST: u16 = 8896;
