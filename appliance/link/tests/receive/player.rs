//! A sender in memory: what a stream's datagrams are, and lanes that play them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use pouch_carry::{Encoder, Layout, Shape, seal, windows};
use pouch_format::Sha256Digest;
use pouch_link::announcement::{Announcement, Pass, Phase, Stream};
use pouch_link::datagram::{Head, Kind, REPAIR};
use pouch_link::lower::{Batch, LinkError, Losses, Receive};
use pouch_link::tag::{LinkKey, Tagger};

/// Bytes that look random and are the same every time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let words = (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes());
        words.take(length).collect()
    }
}

/// A stream and its bytes.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) stream: Stream,
    pub(crate) bytes: Vec<u8>,
    pub(crate) key: Option<LinkKey>,
}

impl Sent {
    pub(crate) fn new(pouch: &str, shape: Shape, bytes: Vec<u8>) -> Self {
        let layout = Layout::even(shape, bytes.len() as u64).unwrap();
        let (manifest, signatures) = (Sha256Digest([1; 32]), Sha256Digest([2; 32]));
        Self { stream: Stream { pouch: pouch.parse().unwrap(), manifest, signatures, layout }, bytes, key: None }
    }

    pub(crate) fn name(&self) -> String {
        format!("{}-{:016x}.tar", self.stream.pouch, self.stream.id())
    }

    fn block(&self, number: u32) -> Vec<u8> {
        let block = self.stream.layout.block(number).unwrap();
        let symbol = usize::from(self.stream.layout.shape().symbol());
        let start = usize::try_from(block.offset).unwrap();
        let mut bytes = self.bytes[start..start + block.payload].to_vec();
        bytes.resize(usize::from(block.symbols) * symbol, 0);
        seal(&mut bytes, block.payload, &self.stream.context(), number);
        bytes
    }

    /// All datagrams of a pass, in order.
    pub(crate) fn pass(&self, round: u16, depth: u16, repair: u16) -> Vec<Vec<u8>> {
        self.part(round, depth, repair, &mut |_| true)
    }

    /// The datagrams of a pass over the blocks wanted.
    pub(crate) fn part(
        &self,
        round: u16,
        depth: u16,
        repair: u16,
        wanted: &mut dyn FnMut(u32) -> bool,
    ) -> Vec<Vec<u8>> {
        let (id, layout) = (self.stream.id(), &self.stream.layout);
        let transmission = id.rotate_left(7) ^ u64::from(round);
        let mut out = Out {
            tagger: Tagger::new(self.key.as_ref(), id, transmission).unwrap(),
            head: Head {
                kind: Kind::Announcement,
                lane: 0,
                round,
                stream: id,
                transmission,
                sequence: 0,
                length: layout.length(),
                block: 0,
                index: 0,
            },
            all: Vec::new(),
        };
        let symbols = layout.symbols() + u64::from(layout.blocks()) * u64::from(repair);
        let mut pass =
            Pass { phase: Phase::Start, rounds: 2, depth, repair, blocks: layout.blocks(), symbols, clock: 1 << 60 };
        let announcement = |pass| Announcement { stream: self.stream.clone(), pass }.to_bytes();
        out.push(Kind::Announcement, 0, 0, &announcement(pass));
        out.push(Kind::Announcement, 0, 0, &announcement(pass));
        let size = usize::from(layout.shape().symbol());
        let (first, mut encoder) = (repair * (round - 1), Encoder::default());
        for window in windows(layout.blocks(), depth) {
            let coded: Vec<_> = window
                .filter(|number| wanted(*number))
                .map(|number| {
                    let block = self.block(number);
                    let mut symbols = vec![0; usize::from(repair) * size];
                    encoder.encode(&block, size, first, &mut symbols).unwrap();
                    (number, block, symbols)
                })
                .collect();
            for index in 0..layout.shape().source() {
                for (number, block, _) in &coded {
                    if let Some(symbol) = block.chunks(size).nth(index.into()) {
                        out.push(Kind::Symbol, *number, index, symbol);
                    }
                }
            }
            for index in 0..repair {
                for (number, _, symbols) in &coded {
                    let symbol = symbols.chunks(size).nth(index.into()).unwrap();
                    out.push(Kind::Symbol, *number, REPAIR | (first + index), symbol);
                }
            }
        }
        pass.phase = Phase::End;
        out.push(Kind::Announcement, 0, 0, &announcement(pass));
        out.push(Kind::Announcement, 0, 0, &announcement(pass));
        out.all
    }
}

struct Out {
    tagger: Tagger,
    head: Head,
    all: Vec<Vec<u8>>,
}

impl Out {
    fn push(&mut self, kind: Kind, block: u32, index: u16, payload: &[u8]) {
        let mut bytes = Vec::new();
        let head = Head { kind, block, index, ..self.head };
        head.write(payload, &mut self.tagger, &mut bytes).unwrap();
        self.head.sequence += 1;
        self.all.push(bytes);
    }
}

/// Writes a datagram again with another head and payload, and the tag of those.
pub(crate) fn rewrite(bytes: &[u8], change: impl FnOnce(&mut Head, &mut Vec<u8>)) -> Vec<u8> {
    let datagram = pouch_link::datagram::Datagram::read(bytes).unwrap();
    let (mut head, mut payload) = (datagram.head, datagram.payload.to_vec());
    change(&mut head, &mut payload);
    let mut out = Vec::new();
    head.write(&payload, &mut Tagger::new(None, head.stream, head.transmission).unwrap(), &mut out).unwrap();
    out
}

/// What a lane is still to play; whoever holds it may add to it.
#[derive(Default)]
pub(crate) struct Score {
    waiting: Mutex<VecDeque<Vec<u8>>>,
    changed: Condvar,
}

impl Score {
    pub(crate) fn add(&self, datagrams: impl IntoIterator<Item = Vec<u8>>) {
        self.waiting.lock().unwrap().extend(datagrams);
        self.changed.notify_all();
    }

    pub(crate) fn is_played(&self) -> bool {
        self.waiting.lock().unwrap().is_empty()
    }
}

/// Plays datagrams in runs of equal size.
pub(crate) struct Player {
    pub(crate) score: Arc<Score>,
    buffer: Vec<u8>,
}

/// Datagrams of a batch.
const BATCH: usize = 500;

impl Player {
    pub(crate) fn new(score: &Arc<Score>) -> Box<Self> {
        Box::new(Self { score: Arc::clone(score), buffer: Vec::new() })
    }
}

impl Receive for Player {
    fn receive(&mut self, wait: Duration) -> Result<Batch<'_>, LinkError> {
        let mut waiting = self.score.waiting.lock().unwrap();
        if waiting.is_empty() {
            waiting = self.score.changed.wait_timeout(waiting, wait).unwrap().0;
        }
        self.buffer.clear();
        let size = waiting.front().map_or(0, Vec::len);
        for _ in 0..BATCH {
            match waiting.front() {
                Some(next) if next.len() == size => self.buffer.extend_from_slice(next),
                _ => break,
            }
            waiting.pop_front();
        }
        drop(waiting);
        Ok(Batch::of(&self.buffer, size))
    }

    fn losses(&mut self) -> Result<Losses, LinkError> {
        Ok(Losses::default())
    }

    fn buffer(&self) -> usize {
        0
    }

    fn descriptor(&self) -> Option<std::os::fd::RawFd> {
        None
    }
}
