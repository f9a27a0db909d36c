//! As much of the link's datagram as an attacker needs: where its fields lie, and how its checksum is made. Written apart from
//! `pouch-link`, so that a mistake there does not hide itself here.

use std::fs;
use std::path::Path;

/// Bytes of the header.
pub const HEADER: usize = 64;
/// Where the tag lies: 16 bytes, of which a checksum takes the first 4.
pub const TAG: usize = 48;
/// Bytes of the tag.
pub const TAG_LENGTH: usize = 16;
/// Where the stream's id lies: 8 bytes.
pub const STREAM: usize = 8;
/// Where the transmission's id lies: 8 bytes.
pub const TRANSMISSION: usize = 16;
/// Where the sequence number lies: 8 bytes.
pub const SEQUENCE: usize = 24;

/// The number that stands in 8 bytes from `at`.
#[must_use]
pub fn number(datagram: &[u8], at: usize) -> Option<u64> {
    let bytes = datagram.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*bytes))
}

/// Puts a number into 8 bytes from `at`; nothing where there are not so many.
pub fn put(datagram: &mut [u8], at: usize, number: u64) {
    if let Some(bytes) = datagram.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<8>()) {
        *bytes = number.to_be_bytes();
    }
}

/// Makes the checksum right for what the datagram says now; nothing where it is shorter than a header.
pub fn seal(datagram: &mut [u8]) {
    let Some((head, rest)) = datagram.split_at_mut_checked(TAG) else { return };
    let Some((tag, payload)) = rest.split_at_mut_checked(TAG_LENGTH) else { return };
    let sum = crc32c(crc32c(0, head), payload);
    tag.fill(0);
    if let Some(bytes) = tag.first_chunk_mut::<4>() {
        *bytes = sum.to_be_bytes();
    }
}

/// The datagrams of a recording that `impair` made: each lies there behind its length in two bytes.
///
/// # Errors
/// It cannot be read, or is none.
pub fn recording(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut rest = bytes.as_slice();
    let mut datagrams = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let cut = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)));
        let (datagram, behind) = cut.ok_or_else(|| format!("{}: ends within a datagram", path.display()))?;
        datagrams.push(datagram.to_vec());
        rest = behind;
    }
    Ok(datagrams)
}

/// CRC-32C (Castagnoli; RFC 3720, section 12.1) of bytes that come after those of `sum`.
#[must_use]
pub fn crc32c(sum: u32, bytes: &[u8]) -> u32 {
    let mut state = !sum;
    for byte in bytes {
        let [low, ..] = state.to_le_bytes();
        let entry = TABLE.get(usize::from(low ^ byte)).copied().unwrap_or(0);
        state = entry ^ (state >> 8);
    }
    !state
}

static TABLE: [u32; 256] = table();

#[expect(clippy::indexing_slicing, reason = "made when it is compiled; an index out of bounds would fail there")]
const fn table() -> [u32; 256] {
    let mut table = [0_u32; 256];
    let mut byte = 0_u32;
    while byte < 256 {
        let mut state = byte;
        let mut bit = 0;
        while bit < 8 {
            state = if state & 1 == 1 { (state >> 1) ^ 0x82f6_3b78 } else { state >> 1 };
            bit += 1;
        }
        table[byte as usize] = state;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
        // RFC 3720, appendix B.4: 32 bytes of zero.
        assert_eq!(crc32c(0, &[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(crc32c(0, b"12345"), b"6789"), 0xe306_9283);
    }

    #[test]
    fn a_sealed_datagram_changes_only_in_its_tag() {
        let mut datagram: Vec<u8> = (0..100).collect();
        let before = datagram.clone();
        seal(&mut datagram);
        assert_eq!(datagram[..TAG], before[..TAG]);
        assert_eq!(datagram[HEADER..], before[HEADER..]);
        assert_ne!(datagram[TAG..TAG + 4], before[TAG..TAG + 4]);
        assert_eq!(datagram[TAG + 4..HEADER], [0; 12]);
        let mut short = vec![1; 63];
        seal(&mut short);
        assert_eq!(short, [1; 63]);
        put(&mut datagram, SEQUENCE, 77);
        assert_eq!(number(&datagram, SEQUENCE), Some(77));
        assert_eq!(number(&datagram, 93), None);
    }
}
