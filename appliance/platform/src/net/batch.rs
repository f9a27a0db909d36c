//! What one call received.

use std::slice;

/// Where a message lies, and where it is to be cut into datagrams.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    /// Its first byte in the buffer.
    pub(super) start: usize,
    /// Its bytes.
    pub(super) length: usize,
    /// Bytes of each of its datagrams but the last, which may be shorter.
    pub(super) segment: usize,
}

/// The datagrams that one call received, in the order of arrival. Empty when none came in time.
#[derive(Clone, Debug, Default)]
pub struct Batch<'a> {
    bytes: &'a [u8],
    extents: slice::Iter<'a, Extent>,
    /// What is left of the message under way.
    rest: &'a [u8],
    segment: usize,
}

impl<'a> Batch<'a> {
    pub(super) fn new(bytes: &'a [u8], extents: &'a [Extent]) -> Self {
        Self { bytes, extents: extents.iter(), rest: &[], segment: 0 }
    }

    /// Datagrams of `segment` bytes, one behind the other; the last may be shorter.
    #[must_use]
    pub fn of(bytes: &'a [u8], segment: usize) -> Self {
        Self { bytes: &[], extents: [].iter(), rest: bytes, segment }
    }
}

impl<'a> Iterator for Batch<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            let extent = self.extents.next()?;
            self.rest = self.bytes.get(extent.start..extent.start.saturating_add(extent.length)).unwrap_or_default();
            self.segment = extent.segment;
        }
        let (datagram, rest) = self.rest.split_at_checked(self.segment).unwrap_or((self.rest, &[]));
        // A segment of no bytes would never end.
        self.rest = if self.segment == 0 { &[] } else { rest };
        Some(datagram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes: &[u8], extents: &[Extent]) -> Vec<Vec<u8>> {
        Batch::new(bytes, extents).map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn a_message_is_cut_into_its_datagrams() {
        let bytes: Vec<u8> = (0..20).collect();
        let extents = [
            Extent { start: 0, length: 7, segment: 3 },
            Extent { start: 8, length: 0, segment: 0 },
            Extent { start: 9, length: 4, segment: 4 },
            Extent { start: 13, length: 4, segment: 9 },
        ];
        let wanted: [&[u8]; 6] = [&[0, 1, 2], &[3, 4, 5], &[6], &[], &[9, 10, 11, 12], &[13, 14, 15, 16]];
        assert_eq!(cut(&bytes, &extents), wanted);
    }

    #[test]
    fn an_extent_beyond_the_buffer_gives_nothing() {
        assert_eq!(cut(&[1, 2], &[Extent { start: 1, length: 2, segment: 1 }]), [[0_u8; 0]]);
        assert_eq!(cut(&[1, 2], &[Extent { start: 9, length: usize::MAX, segment: 1 }]), [[0_u8; 0]]);
        assert_eq!(cut(&[1, 2], &[Extent { start: 0, length: 2, segment: 0 }]), [[0_u8; 0]]);
    }
}
