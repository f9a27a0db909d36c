//! Messages read, from somebody who may be hostile.

use std::io::{self, ErrorKind, Read};

use pouch_format::{EntryPath, PathError, Rule, Totals, escaped, is_plain, limits};

use super::{DATA_BYTES, Kind, TEXT_BYTES};
use crate::Sink;

/// Longest id of a rule, in bytes.
const RULE_BYTES: usize = 64;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'b> {
    /// A directory.
    Directory {
        /// Its path.
        path: EntryPath,
        /// Seconds since 1970.
        mtime: i64,
    },
    /// A file begins.
    File {
        /// Its path.
        path: EntryPath,
        /// Size in bytes.
        size: u64,
        /// Seconds since 1970.
        mtime: i64,
        /// Where its first byte lies in the archive.
        offset: u64,
    },
    /// The next bytes of the file.
    Data(&'b [u8]),
    /// The file is complete.
    EndFile,
    /// The archive is complete.
    End(Totals),
    /// The archive is refused.
    Refused {
        /// By which rule.
        rule: Rule,
        /// Where, in bytes from the start of the archive.
        offset: u64,
        /// Why, escaped.
        text: String,
    },
}

/// Why messages cannot be followed. All but `Io` mean that the sender is broken or hostile.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The pipe failed.
    #[error("cannot read messages of the parser: {0}")]
    Io(#[from] io::Error),
    /// The messages end without end or refusal.
    #[error("the parser ended after {messages} messages without a verdict")]
    Truncated {
        /// Whole messages read.
        messages: u64,
    },
    /// Something after the last message.
    #[error("the parser goes on after its verdict")]
    AfterEnd,
    /// No such message.
    #[error("the parser sent a message of unknown kind {found}")]
    Kind {
        /// The kind.
        found: u8,
    },
    /// A message of an impossible length.
    #[error("the parser sent a message \"{kind}\" of {found} bytes; {least} to {most} are allowed")]
    Length {
        /// Which message.
        kind: &'static str,
        /// As stated.
        found: u64,
        /// Shortest.
        least: usize,
        /// Longest.
        most: usize,
    },
    /// A message out of turn.
    #[error("the parser sent a message \"{kind}\" {state}")]
    State {
        /// Which message.
        kind: &'static str,
        /// When.
        state: &'static str,
    },
    /// More or less content than announced.
    #[error("the parser announced {announced} bytes of a file and sent {found}")]
    Size {
        /// Announced.
        announced: u64,
        /// Sent.
        found: u64,
    },
    /// Totals that are not those of what was sent.
    #[error("the parser sent {sent:?} and says {stated:?}")]
    Totals {
        /// As counted.
        sent: Totals,
        /// As stated.
        stated: Totals,
    },
    /// A name that is not allowed.
    #[error("the parser sent a name that is not allowed: {0}")]
    Name(#[from] PathError),
    /// A number out of range.
    #[error("the parser announced a file of {size} bytes; {} are allowed", limits::FILE_BYTES)]
    TooLarge {
        /// Announced.
        size: u64,
    },
    /// A refusal by a rule that does not exist, or without a text.
    #[error("the parser refused by \"{found}\", which is no rule with a text")]
    Refusal {
        /// The body of the message, escaped.
        found: String,
    },
}

/// Reads messages and follows their order.
#[derive(Debug)]
pub struct FrameReader<R> {
    inner: R,
    body: Vec<u8>,
    state: State,
    totals: Totals,
    messages: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Between,
    InFile { size: u64, sent: u64 },
    Over,
}

impl<R: Read> FrameReader<R> {
    /// Messages come from `inner`, best by way of a buffer.
    pub fn new(inner: R) -> Self {
        Self { inner, body: Vec::new(), state: State::Between, totals: Totals::default(), messages: 0 }
    }

    /// The next message, or none when the last one was read and nothing follows it.
    ///
    /// # Errors
    /// [`FrameError`]; after one, no further message is to be read.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its buffer")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let mut head = [0; 5];
        let got = fill(&mut self.inner, &mut head)?;
        match (got, self.state) {
            (0, State::Over) => return Ok(None),
            (_, State::Over) => return Err(FrameError::AfterEnd),
            (5, _) => {}
            _ => return Err(FrameError::Truncated { messages: self.messages }),
        }
        let [kind, length @ ..] = head;
        let kind = Kind::ALL.into_iter().find(|known| *known as u8 == kind).ok_or(FrameError::Kind { found: kind })?;
        self.read_body(kind, u32::from_le_bytes(length))?;
        self.messages += 1;
        self.decode(kind).map(Some)
    }

    fn read_body(&mut self, kind: Kind, length: u32) -> Result<(), FrameError> {
        let (least, most) = match kind {
            Kind::Directory => (8 + 1, 8 + limits::PATH_BYTES),
            Kind::File => (24 + 1, 24 + limits::PATH_BYTES),
            Kind::Data => (1, DATA_BYTES),
            Kind::EndFile => (0, 0),
            Kind::End => (16, 16),
            Kind::Refused => (9, 9 + RULE_BYTES + TEXT_BYTES),
        };
        let bounded = usize::try_from(length).ok().filter(|length| (least..=most).contains(length));
        let length = bounded.ok_or(FrameError::Length { kind: kind.name(), found: length.into(), least, most })?;
        self.body.resize(length, 0);
        match fill(&mut self.inner, &mut self.body)? {
            got if got == length => Ok(()),
            _ => Err(FrameError::Truncated { messages: self.messages }),
        }
    }

    fn decode(&mut self, kind: Kind) -> Result<Frame<'_>, FrameError> {
        let out_of_turn = |state| FrameError::State { kind: kind.name(), state };
        let body = self.body.as_slice();
        match (kind, self.state) {
            (Kind::Refused, _) => {
                self.state = State::Over;
                refusal(body).ok_or_else(|| FrameError::Refusal { found: escaped(body) })
            }
            (Kind::Data, State::InFile { size, sent }) => {
                let found = sent + body.len() as u64;
                if found > size {
                    return Err(FrameError::Size { announced: size, found });
                }
                self.state = State::InFile { size, sent: found };
                Ok(Frame::Data(body))
            }
            (Kind::EndFile, State::InFile { size, sent }) => {
                if sent != size {
                    return Err(FrameError::Size { announced: size, found: sent });
                }
                self.state = State::Between;
                Ok(Frame::EndFile)
            }
            (_, State::InFile { .. }) => Err(out_of_turn("in the middle of a file")),
            (Kind::Data | Kind::EndFile, _) => Err(out_of_turn("outside of any file")),
            (Kind::Directory, _) => {
                self.totals.entries = self.totals.entries.saturating_add(1);
                let (mtime, path) = signed(body);
                Ok(Frame::Directory { path: EntryPath::parse(path)?, mtime })
            }
            (Kind::File, _) => {
                let (size, rest) = unsigned(body);
                let (mtime, rest) = signed(rest);
                let (offset, path) = unsigned(rest);
                if size > limits::FILE_BYTES {
                    return Err(FrameError::TooLarge { size });
                }
                self.totals.entries = self.totals.entries.saturating_add(1);
                self.totals.bytes = self.totals.bytes.saturating_add(size);
                self.state = State::InFile { size, sent: 0 };
                Ok(Frame::File { path: EntryPath::parse(path)?, size, mtime, offset })
            }
            (Kind::End, _) => {
                let (entries, rest) = unsigned(body);
                let (bytes, _) = unsigned(rest);
                let stated = Totals { entries, bytes };
                if stated != self.totals {
                    return Err(FrameError::Totals { sent: self.totals, stated });
                }
                self.state = State::Over;
                Ok(Frame::End(stated))
            }
        }
    }
}

/// Reads until `room` is full or the reader ends.
fn fill(reader: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < room.len() {
        match reader.read(room.get_mut(got..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

/// The number in front, and the rest. The length was checked for the whole message.
fn unsigned(bytes: &[u8]) -> (u64, &[u8]) {
    bytes.split_first_chunk().map_or((0, bytes), |(number, rest)| (u64::from_le_bytes(*number), rest))
}

fn signed(bytes: &[u8]) -> (i64, &[u8]) {
    bytes.split_first_chunk().map_or((0, bytes), |(number, rest)| (i64::from_le_bytes(*number), rest))
}

fn refusal(body: &[u8]) -> Option<Frame<'static>> {
    let (offset, rest) = unsigned(body);
    let (length, rest) = rest.split_first()?;
    let (id, text) = rest.split_at_checked(usize::from(*length))?;
    let rule = Rule::ALL.iter().copied().find(|rule| rule.id().as_bytes() == id)?;
    // The sender escapes, but it is not to be trusted with that.
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= TEXT_BYTES)?;
    Some(Frame::Refused { rule, offset, text: clean(text) })
}

/// The text with every character escaped that must not reach a terminal.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        if is_plain(character) {
            cleaned.push(character);
        } else {
            cleaned.extend(character.escape_unicode());
        }
    }
    cleaned
}

/// Why a stream of messages did not end with a complete archive.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError<E: std::error::Error> {
    /// The parser refused the archive.
    #[error("the archive is refused at byte {offset}: {text}")]
    Refused {
        /// By which rule.
        rule: Rule,
        /// Where, in bytes from the start of the archive.
        offset: u64,
        /// Why, escaped.
        text: String,
    },
    /// The messages cannot be followed.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The sink cannot go on.
    #[error(transparent)]
    Sink(E),
}

/// Reads messages to the end of the reader and hands what they say to the sink.
///
/// # Errors
/// [`ReceiveError`]; the sink has then seen a part of the archive. [`Sink::end`] is called only once nothing is left to
/// be read.
pub fn receive<S: Sink>(reader: impl Read, sink: &mut S) -> Result<Totals, ReceiveError<S::Error>> {
    let mut frames = FrameReader::new(reader);
    let mut totals = None;
    while let Some(frame) = frames.next()? {
        match frame {
            Frame::Directory { path, mtime } => sink.directory(&path, mtime),
            Frame::File { path, size, mtime, offset } => sink.file(&path, size, mtime, offset),
            Frame::Data(bytes) => sink.data(bytes),
            Frame::EndFile => sink.end_file(),
            Frame::End(stated) => {
                totals = Some(stated);
                Ok(())
            }
            Frame::Refused { rule, offset, text } => return Err(ReceiveError::Refused { rule, offset, text }),
        }
        .map_err(ReceiveError::Sink)?;
    }
    // The reader of messages ends only after a verdict.
    let totals = totals.ok_or(FrameError::Truncated { messages: frames.messages })?;
    sink.end(totals).map_err(ReceiveError::Sink)?;
    Ok(totals)
}
