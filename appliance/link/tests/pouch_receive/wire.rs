//! A stream of small blocks without repair, sent to a port of this machine.

use std::net::UdpSocket;
use std::time::Duration;

use pouch_carry::{Layout, Shape, seal};
use pouch_format::Sha256Digest;
use pouch_link::announcement::{Announcement, Pass, Phase, Stream};
use pouch_link::datagram::{Head, Kind};
use pouch_link::tag::{LinkKey, Tagger};

/// What is sent, under which key.
pub(crate) struct Wire {
    pub(crate) port: u16,
    pub(crate) bytes: Vec<u8>,
    pub(crate) key: Option<LinkKey>,
}

impl Wire {
    pub(crate) fn new(port: u16, key: Option<LinkKey>) -> Self {
        Self { port, bytes: (0..100_000_u32).map(|place| (place % 251) as u8).collect(), key }
    }

    pub(crate) fn stream(&self) -> Stream {
        let layout = Layout::even(Shape::new(256, 64).unwrap(), self.bytes.len() as u64).unwrap();
        let digest = |byte| Sha256Digest([byte; 32]);
        Stream { pouch: "land-000041".parse().unwrap(), manifest: digest(1), signatures: digest(2), layout }
    }

    /// Sends every symbol of the blocks that are wanted.
    pub(crate) fn send(&self, wanted: impl Fn(u32) -> bool) {
        let stream = self.stream();
        let (id, layout) = (stream.id(), stream.layout);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let transmission = u64::from(std::process::id());
        let mut tagger = Tagger::new(self.key.as_ref(), id, transmission).unwrap();
        let mut sequence = 0;
        let mut send = |kind, block, index, payload: &[u8]| {
            let length = layout.length();
            let head = Head { kind, lane: 0, round: 1, stream: id, transmission, sequence, length, block, index };
            let mut bytes = Vec::new();
            head.write(payload, &mut tagger, &mut bytes).unwrap();
            socket.send_to(&bytes, ("127.0.0.1", self.port)).unwrap();
            sequence += 1;
        };
        let (blocks, symbols) = (layout.blocks(), layout.symbols());
        let pass = |phase| Pass { phase, rounds: 1, depth: 1, repair: 0, blocks, symbols, clock: 1 << 60 };
        let announcement = |phase| Announcement { stream: stream.clone(), pass: pass(phase) }.to_bytes();
        send(Kind::Announcement, 0, 0, &announcement(Phase::Start));
        let size = usize::from(layout.shape().symbol());
        for number in (0..blocks).filter(|number| wanted(*number)) {
            let block = layout.block(number).unwrap();
            let start = usize::try_from(block.offset).unwrap();
            let mut bytes = self.bytes[start..start + block.payload].to_vec();
            bytes.resize(usize::from(block.symbols) * size, 0);
            seal(&mut bytes, block.payload, &stream.context(), number);
            for (index, symbol) in (0..).zip(bytes.chunks(size)) {
                send(Kind::Symbol, number, index, symbol);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        send(Kind::Announcement, 0, 0, &announcement(Phase::End));
    }
}

/// A port that nobody has just now.
pub(crate) fn port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
