//! One vector through the readers of `pouch-link` and `pouch-carry`.

use std::collections::BTreeMap;

use pouch_carry::missing::Gaps;
use pouch_carry::{Bitmap, Block, Decoder, REPAIR_MOST, open};
use pouch_link::announcement::{Announcement, Stream};
use pouch_link::datagram::{Datagram, Head, Kind, REPAIR, Refused};
use pouch_link::heartbeat::Heartbeat;
use pouch_link::tag::{Checker, LinkKey};
use sequoia_openpgp::anyhow::{Context as _, anyhow, bail};

use crate::vectors::{Result, Vector, sha256, unhex};

/// What a vector is judged to be: `accepted` or the id of a rule; and more about it, by the keys of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// `accepted` or the id of a rule.
    pub expect: String,
    /// What else the header states, in the order of keys.
    pub facts: BTreeMap<&'static str, String>,
}

/// Keys of a header that state what a reader finds.
pub const FACTS: [&str; 5] = ["gaps", "missing", "payload-sha256", "pouch", "refused"];

/// What a vector says of itself.
///
/// # Errors
/// It lacks a header line.
pub fn stated(vector: &Vector) -> Result<Verdict> {
    let facts = FACTS.into_iter().filter_map(|key| Some((key, vector.get(key)?.to_owned()))).collect();
    Ok(Verdict { expect: vector.need("expect")?.to_owned(), facts })
}

/// What the readers say of it.
///
/// # Errors
/// A vector that is malformed itself.
pub fn judge(vector: &Vector) -> Result<Verdict> {
    let bytes = vector.bytes()?;
    match vector.kind() {
        "datagram" => Ok(verdict(datagram(&bytes, &mut checker(vector)?).map(|_| BTreeMap::new()))),
        "announcement" => {
            let stream = u64::from_str_radix(vector.need("stream")?, 16)?;
            let read = Announcement::read(&bytes, stream).map_err(|_| "LINK-ANNOUNCEMENT");
            Ok(verdict(read.map(|read| BTreeMap::from([("pouch", read.stream.pouch.to_string())]))))
        }
        "heartbeat" => {
            let read = Heartbeat::read(&bytes).map_err(|_| "LINK-DATAGRAM");
            Ok(verdict(read.map(|beat| beat.last.map(|(_, pouch)| ("pouch", pouch.to_string())).into_iter().collect())))
        }
        "missing" => {
            let text = String::from_utf8(bytes)?;
            let read = Gaps::decode(&text).map_err(|_| "LINK-CODE");
            Ok(verdict(read.map(|(_, gaps)| BTreeMap::from([("gaps", print(&gaps))]))))
        }
        "stream" => capture(&bytes, checker(vector)?),
        kind => bail!("{}: no kind {kind}", vector.name),
    }
}

fn verdict(read: std::result::Result<BTreeMap<&'static str, String>, &str>) -> Verdict {
    match read {
        Ok(facts) => Verdict { expect: "accepted".to_owned(), facts },
        Err(rule) => Verdict { expect: rule.to_owned(), facts: BTreeMap::new() },
    }
}

/// `FIRST+COUNT:NEED` of each gap.
pub(super) fn print(gaps: &Gaps) -> String {
    let gap = |gap: &pouch_carry::missing::Gap| format!("{}+{}:{}", gap.first, gap.count, gap.need);
    gaps.as_slice().iter().map(gap).collect::<Vec<_>>().join(" ")
}

fn checker(vector: &Vector) -> Result<Checker> {
    let Some(key) = vector.get("key") else { return Ok(Checker::new(None)) };
    let key = <[u8; 32]>::try_from(unhex(key)?).map_err(|_| anyhow!("a key has 32 bytes"))?;
    Ok(Checker::new(Some(&LinkKey::new(key))))
}

fn datagram<'a>(bytes: &'a [u8], checker: &mut Checker) -> std::result::Result<Datagram<'a>, &'static str> {
    let rule = |refused| if refused == Refused::Tag { "LINK-TAG" } else { "LINK-DATAGRAM" };
    let datagram = Datagram::read(bytes).map_err(rule)?;
    checker.check(&datagram).map_err(rule)?;
    Ok(datagram)
}

/// Datagrams one after the other, each behind its length in two bytes.
fn capture(mut bytes: &[u8], mut checker: Checker) -> Result<Verdict> {
    let (mut receiver, mut refused) = (None::<Receiver>, BTreeMap::<&str, u32>::new());
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (one, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into()).context("a capture is cut")?;
        bytes = rest;
        if let Err(rule) = datagram(one, &mut checker).and_then(|datagram| take(&mut receiver, &datagram)) {
            *refused.entry(rule).or_default() += 1;
        }
    }
    let Some(receiver) = receiver else { bail!("a capture announces a stream") };
    let mut verdict = receiver.end();
    if !refused.is_empty() {
        let refused: Vec<String> = refused.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
        verdict.facts.insert("refused", refused.join(", "));
    }
    Ok(verdict)
}

fn take(receiver: &mut Option<Receiver>, datagram: &Datagram<'_>) -> std::result::Result<(), &'static str> {
    let head = &datagram.head;
    match head.kind {
        Kind::Heartbeat => Heartbeat::read(datagram.payload).map(drop).map_err(|_| "LINK-DATAGRAM"),
        Kind::Announcement => {
            let read = Announcement::read(datagram.payload, head.stream).map_err(|_| "LINK-ANNOUNCEMENT")?;
            if read.stream.layout.length() != head.length {
                return Err("LINK-ANNOUNCEMENT");
            }
            // Of captures here each has one stream.
            if receiver.get_or_insert_with(|| Receiver::new(&read.stream)).stream == read.stream {
                Ok(())
            } else {
                Err("LINK-STREAMS")
            }
        }
        Kind::Symbol => receiver.as_mut().ok_or("LINK-STREAM")?.symbol(head, datagram.payload),
    }
}

/// A receiver of one stream, with everything in memory.
struct Receiver {
    stream: Stream,
    decoder: Decoder,
    blocks: Vec<Collected>,
}

/// What is there of a block.
struct Collected {
    block: Block,
    bytes: Vec<u8>,
    have: Bitmap,
    repair: BTreeMap<u16, Vec<u8>>,
    complete: bool,
}

impl Collected {
    fn new(block: Block, symbol: usize) -> Self {
        let bytes = vec![0; usize::from(block.symbols) * symbol];
        Self { block, bytes, have: Bitmap::default(), repair: BTreeMap::new(), complete: false }
    }

    fn need(&self) -> u16 {
        let repair = u16::try_from(self.repair.len()).unwrap_or(u16::MAX);
        if self.complete { 0 } else { self.block.symbols.saturating_sub(self.have.count().saturating_add(repair)) }
    }
}

impl Receiver {
    fn new(stream: &Stream) -> Self {
        let symbol = stream.layout.shape().symbol().into();
        let blocks = (0..stream.layout.blocks()).filter_map(|number| stream.layout.block(number));
        let blocks = blocks.map(|block| Collected::new(block, symbol)).collect();
        Self { stream: stream.clone(), decoder: Decoder::default(), blocks }
    }

    fn symbol(&mut self, head: &Head, payload: &[u8]) -> std::result::Result<(), &'static str> {
        let symbol = usize::from(self.stream.layout.shape().symbol());
        let ours = head.stream == self.stream.id() && head.length == self.stream.layout.length();
        let number = usize::try_from(head.block).map_err(|_| "LINK-STREAM")?;
        let block = self.blocks.get_mut(number).filter(|_| ours && payload.len() == symbol).ok_or("LINK-STREAM")?;
        let index = head.index & !REPAIR;
        let most = if head.index & REPAIR == 0 { block.block.symbols } else { REPAIR_MOST };
        if index >= most {
            return Err("LINK-STREAM");
        }
        if block.complete {
            return Ok(());
        }
        if head.index & REPAIR != 0 {
            block.repair.entry(index).or_insert_with(|| payload.to_vec());
        } else if block.have.set(index) {
            let place = usize::from(index) * symbol;
            block.bytes.get_mut(place..place + symbol).ok_or("LINK-STREAM")?.copy_from_slice(payload);
        }
        if block.need() > 0 {
            return Ok(());
        }
        let repair: Vec<(u16, &[u8])> = block.repair.iter().map(|(index, bytes)| (*index, bytes.as_slice())).collect();
        let restored = self.decoder.decode(&mut block.bytes, symbol, &block.have, &repair).is_ok();
        if restored && open(&block.bytes, &self.stream.context(), head.block).is_ok() {
            block.complete = true;
            return Ok(());
        }
        *block = Collected::new(block.block, symbol);
        Err("LINK-BLOCK")
    }

    fn end(&self) -> Verdict {
        if self.blocks.iter().all(|block| block.complete) {
            let payloads = self.blocks.iter().map(|block| block.bytes.get(..block.block.payload).unwrap_or_default());
            let stream = payloads.collect::<Vec<_>>().concat();
            return verdict(Ok(BTreeMap::from([("payload-sha256", sha256(&stream))])));
        }
        let gaps = Gaps::new(self.blocks.iter().map(|block| (block.block.number, block.need())));
        let facts = BTreeMap::from([("missing", gaps.encode(self.stream.id()))]);
        Verdict { expect: "LINK-INCOMPLETE".to_owned(), facts }
    }
}
