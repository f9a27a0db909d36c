//! Any range of a pouch in transit, piece by piece.

use std::ops::Range;

use super::{Extent, Layout};
use crate::header::BLOCK;

/// Consecutive bytes of the tar that come from one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Some of a part's head, which is [`Layout::head`].
    Head {
        /// The part.
        of: Extent,
        /// The first byte of the head that is meant.
        from: usize,
        /// So many bytes.
        length: usize,
    },
    /// Some of a part's content.
    Content {
        /// The part.
        of: Extent,
        /// The first byte of the content that is meant.
        from: u64,
        /// So many bytes.
        length: u64,
    },
    /// Zeros: behind a part, or the end of the tar.
    Zeros {
        /// So many bytes; at most 1535.
        length: usize,
    },
}

impl Piece {
    /// Bytes of the piece.
    #[must_use]
    pub const fn length(self) -> u64 {
        match self {
            Self::Head { length, .. } | Self::Zeros { length } => length as u64,
            Self::Content { length, .. } => length,
        }
    }
}

/// The pieces of a range, in order; each is found in O(log n).
#[derive(Clone, Debug)]
pub struct Pieces<'l> {
    layout: &'l Layout,
    range: Range<u64>,
}

impl Layout {
    /// The pieces of a range of the tar; what lies beyond its end is left out.
    #[must_use]
    pub fn pieces(&self, range: Range<u64>) -> Pieces<'_> {
        Pieces { layout: self, range: range.start..range.end.min(self.length()) }
    }

    /// Fills `to` with the bytes of the tar from `at` on, and says how many there are: all, unless the tar ends before.
    ///
    /// `read` is called for content only: with the part, the first byte of its content that is wanted, and where to.
    ///
    /// # Errors
    /// What `read` says.
    pub fn fill<E>(
        &self,
        at: u64,
        to: &mut [u8],
        mut read: impl FnMut(Extent, u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut rest: &mut [u8] = to;
        let mut filled = 0;
        for piece in self.pieces(at..at.saturating_add(rest.len() as u64)) {
            let length = usize::try_from(piece.length()).unwrap_or(usize::MAX);
            let Some((here, behind)) = std::mem::take(&mut rest).split_at_mut_checked(length) else { break };
            match piece {
                Piece::Head { of, from, .. } => here.iter_mut().zip(self.head(of).iter().skip(from)).for_each(copy),
                Piece::Content { of, from, .. } => read(of, from, here)?,
                Piece::Zeros { .. } => here.fill(0),
            }
            filled += length;
            rest = behind;
        }
        Ok(filled)
    }
}

fn copy((to, from): (&mut u8, &u8)) {
    *to = *from;
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let Range { start: at, end } = self.range;
        let left = end.checked_sub(at).filter(|left| *left > 0)?;
        let extents = self.layout.extents();
        let next = extents.partition_point(|extent| extent.head() <= at);
        let of = *extents.get(next.checked_sub(1)?)?;
        let piece = if at < of.start {
            let from = short(at - of.head());
            Piece::Head { of, from, length: (BLOCK - from).min(short(left)) }
        } else if at < of.range().end {
            Piece::Content { of, from: at - of.start, length: left.min(of.range().end - at) }
        } else {
            // Behind the last part its padding and the end of the tar are one run.
            let to = extents.get(next).map_or(end, |extent| extent.head());
            Piece::Zeros { length: short(left.min(to - at)) }
        };
        self.range.start = at + piece.length();
        Some(piece)
    }
}

/// A length that is below 2^16 where it counts.
fn short(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
