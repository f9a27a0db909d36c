//! Captures of whole small streams: every datagram behind its length in two bytes.

use pouch_carry::{Encoder, seal};
use pouch_link::announcement::{Announcement, Phase, Stream};
use pouch_link::datagram::{Head, Kind, REPAIR};

use super::announcements::{pass, stream};
use super::datagrams::{KEY, changed, datagram};
use super::make::with_facts;
use crate::vectors::{Result, Vector, hex};

/// A sender that keeps all that it could send.
struct Sender {
    stream: Stream,
    key: Option<[u8; 32]>,
    transmission: u64,
    sequence: u64,
    /// Of each block its source and its repair symbols.
    blocks: Vec<[Vec<Vec<u8>>; 2]>,
    sent: Vec<u8>,
}

impl Sender {
    fn new(symbol: u16, source: u16, length: u32, key: Option<[u8; 32]>) -> Result<Self> {
        let stream = stream("land-000041", symbol, source, length.into())?;
        let (layout, symbol) = (stream.layout, usize::from(symbol));
        let data: Vec<u8> =
            (0..length).map(|place| (place.wrapping_mul(2_654_435_761) >> 11).to_le_bytes()[0]).collect();
        let mut blocks = Vec::new();
        for block in (0..layout.blocks()).filter_map(|number| layout.block(number)) {
            let offset = usize::try_from(block.offset)?;
            let mut bytes = data.get(offset..offset + block.payload).unwrap_or_default().to_vec();
            bytes.resize(usize::from(block.symbols) * symbol, 0);
            seal(&mut bytes, block.payload, &stream.context(), block.number);
            let mut repair = vec![0; 256 * symbol];
            Encoder::default().encode(&bytes, symbol, 0, &mut repair)?;
            let symbols = |bytes: &[u8]| bytes.chunks(symbol).map(<[u8]>::to_vec).collect();
            blocks.push([symbols(&bytes), symbols(&repair)]);
        }
        Ok(Self { stream, key, transmission: 0x1111, sequence: 0, blocks, sent: Vec::new() })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.sent.extend(u16::try_from(bytes.len())?.to_be_bytes());
        self.sent.extend(bytes);
        Ok(())
    }

    fn head(&mut self, kind: Kind, block: u32, index: u16) -> Head {
        self.sequence += 1;
        Head {
            kind,
            lane: 0,
            round: 1,
            stream: self.stream.id(),
            transmission: self.transmission,
            sequence: self.sequence - 1,
            length: self.stream.layout.length(),
            block,
            index,
        }
    }

    fn announce(&mut self, phase: Phase) -> Result<()> {
        let payload = Announcement { stream: self.stream.clone(), pass: pass(&self.stream, phase, 8) }.to_bytes();
        let head = self.head(Kind::Announcement, 0, 0);
        let bytes = datagram(head, &payload, self.key.as_ref())?;
        self.put(&bytes)
    }

    /// The datagram of a symbol; repair has [`REPAIR`] in its index.
    fn symbol(&mut self, block: usize, index: u16) -> Result<Vec<u8>> {
        let head = self.head(Kind::Symbol, u32::try_from(block)?, index);
        let of = self.blocks.get(block).map(|[source, repair]| if index & REPAIR == 0 { source } else { repair });
        let payload = of.and_then(|of| of.get(usize::from(index & !REPAIR))).cloned().unwrap_or_default();
        datagram(head, &payload, self.key.as_ref())
    }

    fn send(&mut self, block: usize, index: u16) -> Result<()> {
        let bytes = self.symbol(block, index)?;
        self.put(&bytes)
    }

    /// A pass over all blocks, interleaved, with this repair, of which what `lost` says is lost.
    fn pass(&mut self, repair: std::ops::Range<u16>, lost: impl Fn(usize, u16) -> bool) -> Result<()> {
        self.announce(Phase::Start)?;
        let source = self.stream.layout.shape().source();
        for index in (0..source).chain(repair.map(|index| REPAIR | index)) {
            for block in 0..self.blocks.len() {
                let there = self
                    .blocks
                    .get(block)
                    .is_some_and(|[source, _]| index & REPAIR != 0 || usize::from(index) < source.len());
                if !there {
                    continue;
                }
                if lost(block, index) {
                    self.sequence += 1;
                } else {
                    self.send(block, index)?;
                }
            }
        }
        self.announce(Phase::End)
    }

    fn done(self, name: &str, expect: &str, comment: &str) -> Result<Vector> {
        let mut vector = Vector::expecting("stream", name, expect, comment, self.sent);
        if let Some(key) = self.key {
            vector = vector.with("key", hex(&key));
        }
        with_facts(vector)
    }
}

const LENGTH: u32 = 3000;

pub(super) fn all() -> Result<Vec<Vector>> {
    let small = |key| Sender::new(64, 20, LENGTH, key);
    let none = |_: usize, _: u16| false;
    // Of each block up to eight of its 17 source symbols.
    let eight =
        |block: usize, index: u16| index & REPAIR == 0 && (usize::from(index) + block).is_multiple_of(2) && index < 16;
    let mut vectors = Vec::new();

    let mut sender = small(None)?;
    sender.pass(0..0, none)?;
    vectors.push(sender.done("whole", "accepted", "nothing lost, no repair")?);

    let mut sender = small(None)?;
    sender.pass(0..8, eight)?;
    vectors.push(sender.done("repaired", "accepted", "eight source symbols of each block lost, as many repair")?);

    let mut sender = small(None)?;
    sender.pass(248..256, eight)?;
    vectors.push(sender.done("repaired-last", "accepted", "with the last eight repair symbols")?);

    let mut sender = small(None)?;
    sender.pass(0..6, |block, index| block == 1 && eight(block, index))?;
    vectors.push(sender.done("incomplete", "LINK-INCOMPLETE", "a block lacks two symbols")?);

    let mut sender = small(None)?;
    sender.pass(0..4, |block, index| block != 1 && eight(block, index))?;
    sender.transmission = 0x2222;
    sender.pass(4..8, |_, index| index & REPAIR == 0)?;
    vectors.push(sender.done("rounds", "accepted", "repair of two rounds adds up")?);

    let mut sender = small(None)?;
    sender.pass(0..6, |block, _| block > 0)?;
    vectors.push(sender.done("cut", "LINK-INCOMPLETE", "of two blocks nothing came")?);

    vectors.extend(foreign()?);
    vectors.push(flawed()?);
    vectors.push(keyed()?);
    vectors.push(disorder()?);

    let mut sender = Sender::new(64, 1024, 44_000, None)?;
    sender.pass(0..8, |_, index| index & REPAIR == 0 && index.is_multiple_of(97))?;
    vectors.push(sender.done("long", "accepted", "one block of more source symbols than there are of repair")?);

    let mut sender = Sender::new(1408, 16, 20_000, None)?;
    sender.pass(0..8, |_, index| index & REPAIR == 0 && index.is_multiple_of(3))?;
    vectors.push(sender.done("usual", "accepted", "symbols of 1408 bytes")?);
    Ok(vectors)
}

/// What is not of the stream among what is.
fn foreign() -> Result<Vec<Vector>> {
    let mut sender = Sender::new(64, 20, LENGTH, None)?;
    // Before its announcement a stream is not known.
    sender.send(0, 0)?;
    sender.announce(Phase::Start)?;
    let good = sender.symbol(0, 1)?;
    sender.put(&changed(&good, 8, &[0xff]))?;
    let head = |sender: &mut Sender, block, index| sender.head(Kind::Symbol, block, index);
    let payload = [0; 64];
    for (block, index, length) in [(3, 0, 64), (0, 20, 64), (0, REPAIR | 256, 64), (0, 0, 128), (0, 0, 0)] {
        let head = head(&mut sender, block, index);
        let bytes = datagram(head, [&payload[..], &payload].concat().get(..length).unwrap_or_default(), None)?;
        sender.put(&bytes)?;
    }
    let mut other = head(&mut sender, 0, 0);
    other.length += 1;
    sender.put(&datagram(other, &payload, None)?)?;
    other.length -= 1;
    other.stream += 1;
    sender.put(&datagram(other, &payload, None)?)?;
    sender.put(b"noise")?;
    sender.put(&[])?;
    sender.pass(0..2, |_, index| index == 7)?;
    Ok(vec![sender.done("foreign", "accepted", "noise, and symbols that are not of the stream")?])
}

/// A symbol that was damaged before its tag was made.
fn flawed() -> Result<Vector> {
    let mut sender = Sender::new(64, 20, LENGTH, None)?;
    sender.announce(Phase::Start)?;
    let head = sender.head(Kind::Symbol, 0, 4);
    let bytes = datagram(head, &[0xee; 64], None)?;
    sender.put(&bytes)?;
    sender.pass(0..1, |_, _| false)?;
    sender.pass(0..0, |_, _| false)?;
    sender.done("flawed", "accepted", "a wrong symbol with a right tag: its block is collected again")
}

fn keyed() -> Result<Vector> {
    let mut sender = Sender::new(64, 20, LENGTH, Some(KEY))?;
    sender.pass(0..3, |block, index| block == 0 && index < 2)?;
    let mut forger = Sender::new(64, 20, LENGTH, Some([9; 32]))?;
    forger.pass(0..0, |_, _| false)?;
    sender.sent = [forger.sent, sender.sent].concat();
    sender.done("keyed", "accepted", "behind a forged transmission of the same stream")
}

/// Everything twice and backwards.
fn disorder() -> Result<Vector> {
    let mut sender = Sender::new(64, 20, LENGTH, None)?;
    sender.announce(Phase::Start)?;
    for index in (0..20).rev().filter(|index| index % 5 != 0).chain([REPAIR | 9, REPAIR | 3, REPAIR | 200, REPAIR | 77])
    {
        for block in (0..sender.blocks.len()).rev() {
            let there = sender
                .blocks
                .get(block)
                .is_some_and(|[source, _]| index & REPAIR != 0 || usize::from(index) < source.len());
            if there {
                let bytes = sender.symbol(block, index)?;
                sender.put(&bytes)?;
                sender.put(&bytes)?;
            }
        }
    }
    sender.done("disorder", "accepted", "everything twice and backwards")
}
