//! Mends the headers of PostgreSQL's base archive that the strict walker would refuse, on the way to it.
//!
//! A server names `pg_wal/archive_status`, and from version 17 `pg_wal/summaries`, with a leading `./`, and nothing else
//! so (`sendDir` of its `basebackup.c`). Everything else is passed on as it came, and the walker judges it all; so this
//! looks at sizes only to find where headers are, and stops looking at the first header that is not a plain file or
//! directory of a plain size.

use std::io::{self, Read};

const BLOCK: usize = 512;
/// Names and type of the headers to be mended, in the places of POSIX ustar.
const NAMES: [&[u8]; 2] = [b"./pg_wal/archive_status/\0", b"./pg_wal/summaries/\0"];
const TYPE_AT: usize = 156;
const DIRECTORY: u8 = b'5';
const FILE: u8 = b'0';
const SIZE_AT: std::ops::Range<usize> = 124..136;
const SUM_AT: std::ops::Range<usize> = 148..156;

/// An archive as it comes from `inner`, mended.
pub(super) struct Mended<R> {
    inner: R,
    /// The last header; what is left of it to be given out is `given..held`.
    head: [u8; BLOCK],
    given: usize,
    held: usize,
    /// Bytes of content and padding before the next header; none once headers are no longer looked for.
    content: Option<u64>,
}

impl<R: Read> Mended<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, head: [0; BLOCK], given: 0, held: 0, content: Some(0) }
    }

    /// Fetches the next header, whole unless the archive ends in it.
    fn next_head(&mut self) -> io::Result<()> {
        (self.given, self.held) = (0, 0);
        while let Some(room @ [_, ..]) = self.head.get_mut(self.held..) {
            match self.inner.read(room) {
                Ok(0) => break,
                Ok(length) => self.held += length,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if self.held == BLOCK {
            self.content = content(&self.head);
            mend(&mut self.head);
        }
        Ok(())
    }
}

impl<R: Read> Read for Mended<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.held && self.content == Some(0) {
            self.next_head()?;
        }
        if let Some(left @ [_, ..]) = self.head.get(self.given..self.held) {
            let length = (&*left).read(out)?;
            self.given += length;
            return Ok(length);
        }
        let Some(content) = &mut self.content else { return self.inner.read(out) };
        let most = usize::try_from(*content).map_or(out.len(), |content| content.min(out.len()));
        let length = self.inner.read(out.get_mut(..most).unwrap_or_default())?;
        *content = content.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
        Ok(length)
    }
}

/// Bytes from the end of this header to the next one, or none if that is beyond what a server sends.
fn content(head: &[u8; BLOCK]) -> Option<u64> {
    if head.iter().all(|byte| *byte == 0) {
        return Some(0);
    }
    match head.get(TYPE_AT) {
        Some(&DIRECTORY) => Some(0),
        Some(&FILE) => {
            let digits = std::str::from_utf8(head.get(SIZE_AT)?).ok()?.trim_end_matches([' ', '\0']);
            let size = u64::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with('+'))?;
            size.checked_next_multiple_of(512)
        }
        _ => None,
    }
}

/// Takes the `./` off the name, and makes the checksum right again if it was.
fn mend(head: &mut [u8; BLOCK]) {
    let Some(name) = NAMES.into_iter().find(|name| head.starts_with(name)) else { return };
    if head.get(TYPE_AT) != Some(&DIRECTORY) {
        return;
    }
    let Some(Ok(stated)) = head.get(SUM_AT).map(|field| std::str::from_utf8(field).map(str::to_owned)) else { return };
    if u32::from_str_radix(stated.trim_end_matches([' ', '\0']), 8).ok() != Some(sum(head)) {
        return;
    }
    head.copy_within(2..name.len(), 0);
    if let Some(rest) = head.get_mut(name.len().saturating_sub(2)..name.len()) {
        rest.fill(0);
    }
    let mended = format!("{:07o}\0", sum(head));
    if let Some(field) = head.get_mut(SUM_AT) {
        field.copy_from_slice(mended.as_bytes());
    }
}

/// The sum of a header's bytes, its checksum field taken as spaces.
fn sum(head: &[u8; BLOCK]) -> u32 {
    let own = |(at, byte): (usize, &u8)| u32::from(if SUM_AT.contains(&at) { b' ' } else { *byte });
    head.iter().enumerate().map(own).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, kind: u8, size: u64) -> [u8; BLOCK] {
        let mut head = [0; BLOCK];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[SIZE_AT].copy_from_slice(format!("{size:011o} ").as_bytes());
        head[TYPE_AT] = kind;
        let sum = format!("{:07o} ", sum(&head));
        head[SUM_AT].copy_from_slice(sum.as_bytes());
        head
    }

    fn mended(archive: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Mended::new(archive).read_to_end(&mut out).unwrap();
        out
    }

    const STATUS: &str = "./pg_wal/archive_status/";

    #[test]
    fn the_two_names_are_mended() {
        for name in [STATUS, "./pg_wal/summaries/"] {
            let archive =
                [header("pg_wal/", DIRECTORY, 0), header(name, DIRECTORY, 0), [0; BLOCK], [0; BLOCK]].concat();
            let right = [header("pg_wal/", DIRECTORY, 0), header(&name[2..], DIRECTORY, 0)].concat();
            let out = mended(&archive);
            assert_eq!(out.len(), archive.len());
            assert_eq!(out[..1024 - (BLOCK - SUM_AT.start)], right[..1024 - (BLOCK - SUM_AT.start)]);
            assert_eq!(&out[BLOCK + SUM_AT.start..][..7], &right[BLOCK + SUM_AT.start..][..7]);
        }
        let other = header("./pg_wal/other/", DIRECTORY, 0);
        assert_eq!(mended(&other), other);
    }

    #[test]
    fn content_is_never_touched() {
        let inner = header(STATUS, DIRECTORY, 0);
        let archive = [&header("f", FILE, 512)[..], &inner, &header("g", FILE, 513), &inner, &[0; BLOCK]].concat();
        assert_eq!(mended(&archive), archive);
    }

    #[test]
    fn what_is_not_plain_is_passed_on() {
        let status = header(STATUS, DIRECTORY, 0);
        let mut wrong_sum = status;
        wrong_sum[400] = 1;
        for head in [header("l", b'2', 0), header("x", b'x', 512), wrong_sum, header(STATUS, FILE, 0)] {
            assert_eq!(mended(&head), head);
        }
        let mut huge = header("f", FILE, 0);
        huge[SIZE_AT.start] = 0x80;
        for archive in
            [[huge, status].concat(), [header("l", b'2', 0), status].concat(), status[..511].to_vec(), vec![]]
        {
            assert_eq!(mended(&archive), archive);
        }
    }

    proptest::proptest! {
        #[test]
        fn the_way_it_is_cut_makes_no_difference(cut in 1_usize..700, size in 0_u64..1500) {
            struct Cut<'a>(&'a [u8], usize);
            impl Read for Cut<'_> {
                fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                    let most = out.len().min(self.1);
                    self.0.read(&mut out[..most])
                }
            }
            let content = vec![b'.'; usize::try_from(size.next_multiple_of(512)).unwrap()];
            let archive = [&header("f", FILE, size)[..], &content, &header(STATUS, DIRECTORY, 0), &[0; 1024]].concat();
            let mut out = Vec::new();
            Mended::new(Cut(&archive, cut)).read_to_end(&mut out).unwrap();
            proptest::prop_assert_eq!(&out, &mended(&archive));
            proptest::prop_assert_ne!(out, archive);
        }
    }
}
