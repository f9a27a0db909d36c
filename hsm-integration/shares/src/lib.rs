//! A secret split among custodians, K of N, as printable words: SLIP-0039.
//!
//! The way in, top down:
//!
//! 1. [`Plan::new`] - how many custodians, and how many of them it takes.
//! 2. [`Plan::split`] - one [`Share`] a custodian, proven to combine before it is handed out.
//! 3. [`Share::words`] - what goes on paper; [`Share::parse`] - what comes back from it; [`Draft`] takes it
//!    from a keyboard, word by word.
//! 4. [`Collector::add`] - says of each share at once whether it belongs to the set, and how many are still missing.
//! 5. [`Collector::secret`] - the secret.
//!
//! ```
//! use pouch_shares::{Collector, Plan, Share, secrecy::ExposeSecret};
//! let papers: Vec<Vec<&str>> = Plan::new(2, 3)?
//!     .split(b"sixteen bytes ok", b"")?
//!     .iter()
//!     .map(|share| share.words().collect())
//!     .collect();
//! let mut collector = Collector::default();
//! for paper in &papers[1..] {
//!     let missing = collector.add(Share::parse(&paper.join(" "))?)?;
//!     println!("{missing} to go");
//! }
//! assert_eq!(collector.secret(b"")?.expose_secret(), b"sixteen bytes ok");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Sets of any maker are read: several groups, with or without the extendable flag, any iteration exponent. Sets of one
//! group are made, always extendable. Any conforming software opens them in an emergency, for example
//! `shamir recover` of pip's `shamir-mnemonic[cli]`.
//!
//! What this crate never does: put a word or a byte of a secret into an error or into `Debug`; correct a word by
//! itself; look something up in a table, or branch, by the bytes of a secret or of a share's value while it computes;
//! panic on any input; print.
//!
//! # What cannot be known
//!
//! A wrong passphrase gives another secret and no error: the standard wants it so. Fewer shares than the threshold
//! tell nothing about the secret, and nothing tells whether they are right until the last one is there.
//!
//! # Residue
//!
//! Secrets, values and the word numbers of shares are zeroized. Words on their way to paper and from a keyboard are
//! the caller's, and which words of the list are looked at shows in the processor's cache. Use locked memory, no swap
//! and no core dumps where that matters.
//!
//! The layout of a share (SLIP-0039, "Format of the share mnemonic"), in bits; ten bits make a word:
//!
//! ```text
//! | identifier 15 | extendable 1 | exponent 4 | group 4 | group threshold 4 | groups 4 | member 4 | threshold 4 |
//! | zero bits 0 to 8, then the value: as long as the secret, at least 128 | checksum 30 |
//! ```

mod bits;
mod checksum;
mod cipher;
mod collector;
mod draft;
mod error;
mod field;
mod polynomial;
mod share;
mod split;
mod words;

pub use collector::{CollectError, Collector, CombineError};
pub use draft::Draft;
pub use error::{Nearest, PassphraseError, ShareError};
pub use secrecy;
pub use share::Share;
pub use split::{Plan, PlanError, SplitError};

/// Fewest bytes of a secret (SLIP-0039, "Master secret").
pub const MIN_SECRET_BYTES: usize = 16;

/// Most bytes of a secret. The checksum finds any three wrong words as long as a share with the customization string
/// has at most 1023 symbols (SLIP-0039, "Checksum"); the standard itself names no limit.
pub const MAX_SECRET_BYTES: usize = 1248;

/// Fewest words of a share: seven for what is around the value, 13 for a value of 16 bytes.
pub const MIN_WORDS: usize = 20;

/// Most words of a share: those of [`MAX_SECRET_BYTES`].
pub const MAX_WORDS: usize = 1006;

/// Most custodians of a set: a share's number has four bits.
pub const MAX_SHARES: u8 = 16;

/// Greatest iteration exponent: it has four bits.
pub const MAX_EXPONENT: u8 = 15;
