//! What a receiver says of itself: the document that `status.json` in the quarantine holds, renewed every second.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// When the receiver started.
    pub since: Timestamp,
    /// When this was written; a receiver that lives renews it every second.
    pub updated: Timestamp,
    /// The links that it listens on.
    pub lanes: Vec<Lane>,
    /// The latest heartbeat, if there was one.
    pub heartbeat: Option<Beat>,
    /// What arrived, on all lanes.
    pub datagrams: Datagrams,
    /// Streams that are under way or wait for what is missing.
    pub streams: Vec<Progress>,
    /// The latest pouches that arrived whole, newest last; at most 16.
    pub arrived: Vec<Arrived>,
    /// What a person has to look at now; empty is well.
    pub alarms: Vec<Alarm>,
    /// The disk under the quarantine.
    pub disk: Disk,
}

/// One link.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// What it listens on, as it was configured.
    pub listen: String,
    /// Datagrams that came.
    pub datagrams: u64,
    /// Datagrams that the kernel dropped because the socket's buffer was full: the receiver was too slow.
    pub overflowed: u64,
    /// Frames that the network card dropped or found damaged, since the receiver started.
    pub card: u64,
    /// Datagrams that are missing although neither of these dropped them: lost on the wire, or never sent.
    pub wire: u64,
}

/// A heartbeat of the sender.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beat {
    /// When it came, by the receiver's clock.
    pub at: Timestamp,
    /// What the sender's clock said.
    pub clock: Timestamp,
    /// Whether the sender was sending.
    pub busy: bool,
    /// Streams that wait at the sender.
    pub waiting: u64,
    /// The pouch that the sender sent last.
    pub last: Option<String>,
}

/// What arrived and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Datagrams {
    /// All that came.
    pub received: u64,
    /// No datagrams of this protocol, or damaged (`LINK-DATAGRAM`).
    pub foreign: u64,
    /// With a wrong tag (`LINK-TAG`).
    pub forged: u64,
    /// Of a stream that is not known, or refused (`LINK-STREAM`).
    pub unknown: u64,
    /// That had come before, or were not needed.
    pub duplicate: u64,
}

/// What a stream is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Symbols arrive.
    #[default]
    Receiving,
    /// A round ended, or symbols stopped, and something is missing.
    Incomplete,
    /// There is no room on the disk; what is there is kept.
    NoSpace,
    /// All is there; blocks from before a restart are read again.
    Verifying,
}

/// One stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Its name on the wire, 16 hexadecimal digits.
    pub stream: String,
    /// The pouch that its announcement names.
    pub pouch: String,
    /// What it is doing.
    pub state: State,
    /// Bytes of the stream.
    pub length: u64,
    /// Blocks of the stream, and how many are complete.
    pub blocks: u32,
    /// Complete ones.
    pub complete: u32,
    /// The round under way, and how many are planned.
    pub round: u16,
    /// Rounds planned.
    pub rounds: u16,
    /// When its first datagram came.
    pub since: Timestamp,
    /// When its latest datagram came.
    pub latest: Timestamp,
    /// Wire-independent rate of the last seconds: bits of symbols in a second.
    pub rate: u64,
    /// Seconds to the end of the pass at this rate, if it is known.
    pub remaining: Option<u64>,
    /// Datagrams of its transmissions that came.
    pub received: u64,
    /// Datagrams that its sequence numbers show to be lost, before repair.
    pub lost: u64,
    /// Source symbols that repair brought back.
    pub repaired: u64,
    /// Blocks of which a window has passed without their being complete: lost after repair, until another round.
    pub lost_blocks: u32,
    /// Blocks whose hash was wrong and which are collected again (`LINK-BLOCK`).
    pub flawed: u64,
    /// Where in the stream datagrams were lost: counts for 64 equal parts of its blocks.
    pub positions: Vec<u64>,
    /// The code that names what is missing, if the pass has ended; for `pouch-send --only`.
    pub missing: Option<String>,
}

/// A pouch that arrived whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrived {
    /// Its stream.
    pub stream: String,
    /// The pouch that its announcement named.
    pub pouch: String,
    /// The file's name below `arrived/`.
    pub file: String,
    /// When it was whole.
    pub at: Timestamp,
    /// Bytes.
    pub length: u64,
    /// Datagrams that were lost on its way, before repair.
    pub lost: u64,
    /// Source symbols that repair brought back.
    pub repaired: u64,
    /// What `pouch-import` made of it, if it was asked: its exit code and last words.
    pub import: Option<Import>,
}

/// What `pouch-import` said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Its exit code.
    pub code: i32,
    /// Its last line.
    pub said: String,
}

/// Something that a person has to look at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// A stable word, e.g. `LINK-SILENCE`.
    pub id: String,
    /// What is wrong, and what to do.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
}

/// The disk under the quarantine, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Free now.
    pub free: u64,
    /// Taken by the quarantine.
    pub used: u64,
    /// What the quarantine may take.
    pub share: u64,
}
