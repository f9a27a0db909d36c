//! What of a stream went out of the relay, block by block, from a recording of it: the truth that a receiver's report has to
//! match. Reads datagrams by itself, not with the code of `pouch-link`. For links without a key.

use crate::relay::wire;
use pouch_carry::missing::{Gaps, StreamHint};
use pouch_link::receive::report::Progress;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Where kind (1: an announcement, 2: a symbol), block (4 bytes) and index (2 bytes) lie.
const KIND: usize = 4;
const BLOCK: usize = 40;
const INDEX: usize = 44;

/// The lowest index of a repair symbol.
const REPAIR: u16 = 0x8000;

/// Symbols that a block has: source ones by their number, repair ones with the highest bit set.
type Blocks = BTreeMap<u32, BTreeSet<u16>>;

/// What has passed of all streams.
#[derive(Debug, Default)]
pub struct Truth {
    streams: BTreeMap<u64, Blocks>,
}

impl Truth {
    /// Of the recordings of one receiver's relays.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn read<P: AsRef<Path>>(recordings: impl IntoIterator<Item = P>) -> Result<Self, String> {
        let mut truth = Self::default();
        for recording in recordings {
            for datagram in wire::recording(recording.as_ref())? {
                truth.note(datagram);
            }
        }
        Ok(truth)
    }

    fn note(&mut self, datagram: Vec<u8>) {
        let mut sealed = datagram.clone();
        wire::seal(&mut sealed);
        let (Some(stream), Some(place)) = (wire::number(&datagram, wire::STREAM), wire::number(&datagram, BLOCK))
        else {
            return;
        };
        if sealed != datagram {
            return;
        }
        match datagram.get(KIND) {
            // Nothing is kept of a stream before it is announced.
            Some(1) => {
                self.streams.entry(stream).or_default();
                return;
            }
            Some(2) => {}
            _ => return,
        }
        // Block, index and payload length, from the highest bits down.
        let block = u32::try_from(place >> 32).unwrap_or(u32::MAX);
        let index = u16::try_from(place >> (8 * (BLOCK + 6 - INDEX)) & 0xffff).unwrap_or(u16::MAX);
        if let Some(blocks) = self.streams.get_mut(&stream) {
            blocks.entry(block).or_default().insert(index);
        }
    }

    /// Which blocks cannot be restored of what passed, and how many source symbols each of them lacks; each block needs so
    /// many `symbols`, of whichever sort.
    #[must_use]
    pub fn lacking(&self, stream: u64, symbols: impl Fn(u32) -> u16, blocks: u32) -> BTreeMap<u32, u16> {
        let none = BTreeSet::new();
        let lack = |block: u32| {
            let came = self.streams.get(&stream).and_then(|stream| stream.get(&block)).unwrap_or(&none);
            let sources = u16::try_from(came.range(..REPAIR).count()).unwrap_or(u16::MAX);
            (came.len() < symbols(block).into()).then(|| (block, symbols(block) - sources))
        };
        (0..blocks).filter_map(lack).collect()
    }

    /// Whether what a receiver says is missing is exactly what did not pass: every block, in the code as in the numbers; and
    /// the code asks for as many symbols as source symbols that each lacks, rounded up, and at most 1/32 more to be short.
    /// (Repair symbols are forgotten when a receiver ends; the code holds nevertheless.)
    ///
    /// # Errors
    /// What differs.
    pub fn matches(&self, said: &Progress, symbols: impl Fn(u32) -> u16) -> Result<(), String> {
        let stream = u64::from_str_radix(&said.stream, 16).map_err(|error| format!("{}: {error}", said.stream))?;
        let lacking = self.lacking(stream, symbols, said.blocks);
        let code = said.missing.as_deref().ok_or_else(|| format!("no code is given: {said:?}"))?;
        let (hint, gaps) = Gaps::decode(code).map_err(|error| format!("{code}: {error}"))?;
        let exact = Gaps::new(lacking.iter().map(|(block, lack)| (*block, *lack)));
        let asked: BTreeMap<u32, u16> = gaps.iter().collect();
        let differs = if hint != StreamHint::of(stream) {
            "the code is of another stream"
        } else if (said.blocks - said.complete) as usize != lacking.len() || said.lost_blocks as usize != lacking.len()
        {
            "another number of blocks is missing"
        } else if exact.iter().any(|(block, need)| asked.get(&block).is_none_or(|asked| *asked < need)) {
            "the code asks for too little"
        } else if gaps.symbols() > exact.symbols() + exact.symbols() / 32 {
            "the code asks for too much"
        } else {
            return Ok(());
        };
        Err(format!(
            "{differs}: {} of {} blocks are complete, {} lost; asked for {asked:?}, but lacking are {lacking:?}",
            said.complete, said.blocks, said.lost_blocks
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(stream: u64, block: u32, index: u16) -> Vec<u8> {
        let mut datagram = vec![0; 80];
        datagram[KIND] = 2;
        wire::put(&mut datagram, wire::STREAM, stream);
        datagram[BLOCK..BLOCK + 4].copy_from_slice(&block.to_be_bytes());
        datagram[INDEX..INDEX + 2].copy_from_slice(&index.to_be_bytes());
        wire::seal(&mut datagram);
        datagram
    }

    #[test]
    fn what_is_missing_is_what_did_not_pass() {
        let mut truth = Truth::default();
        truth.note(datagram(5, 1, 0));
        let mut announcement = datagram(5, 0, 0);
        announcement[KIND] = 1;
        wire::seal(&mut announcement);
        truth.note(announcement);
        for (block, index) in [(0, 0), (0, 1), (0, 0), (2, 0), (2, 0x8007), (3, 1)] {
            truth.note(datagram(5, block, index));
        }
        let mut damaged = datagram(5, 3, 0);
        damaged[70] ^= 1;
        truth.note(damaged);
        assert_eq!(truth.lacking(5, |_| 2, 4), [(1, 2), (3, 1)].into());
        assert_eq!(truth.lacking(5, |_| 3, 3), [(0, 1), (1, 3), (2, 2)].into());
        assert_eq!(truth.lacking(6, |_| 2, 1), [(0, 2)].into());
        let said = |code: Option<String>, complete| Progress {
            stream: format!("{:016x}", 5),
            blocks: 4,
            complete,
            lost_blocks: 2,
            missing: code,
            ..Progress::default()
        };
        let right = Gaps::new([(1, 2), (3, 1)]).encode(5);
        assert_eq!(truth.matches(&said(Some(right.clone()), 2), |_| 2), Ok(()));
        let less = Gaps::new([(1, 2)]).encode(5);
        let other = Gaps::new([(1, 2), (3, 1)]).encode(5 << 40);
        for wrong in [said(Some(right), 3), said(Some(less), 2), said(Some(other), 2), said(None, 2)] {
            assert!(truth.matches(&wrong, |_| 2).is_err());
        }
    }
}
