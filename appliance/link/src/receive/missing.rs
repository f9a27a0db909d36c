//! What a stream lacks, as a person carries it home: the code in groups, spelled, and the command to type there.

use pouch_format::PouchId;
use serde::Serialize;

use super::report::{Progress, Report};

/// Longest code that is also spelled, in letters and digits: longer ones are photographed.
const SPELLED: usize = 48;

/// What a stream lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The stream, 16 hexadecimal digits.
    pub stream: String,
    /// Its pouch.
    pub pouch: String,
    /// The code.
    pub code: String,
    /// Blocks that are not complete.
    pub blocks: u32,
    /// Blocks of the stream.
    pub of_blocks: u32,
    /// Most bytes that they need: those of all blocks that are not complete.
    pub bytes: u64,
    /// Bytes of the stream.
    pub of_bytes: u64,
    /// What to type at home.
    pub command: String,
}

/// What is wanted of which streams cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MissingError {
    /// No stream of this name is under way.
    #[error("no stream \"{wanted}\" is under way")]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Its pass has not ended.
    #[error("stream {stream} of {pouch} is still being sent")]
    UnderWay {
        /// The stream.
        stream: String,
        /// Its pouch.
        pouch: String,
    },
}

/// What the streams lack that have a code: all of them, or those that are named by stream or pouch.
///
/// # Errors
/// [`MissingError`], for a name only.
pub fn missing(report: &Report, wanted: Option<&str>) -> Result<Vec<Missing>, MissingError> {
    let named = |stream: &&Progress| wanted.is_none_or(|name| stream.stream == name || stream.pouch == name);
    let streams: Vec<&Progress> = report.streams.iter().filter(named).collect();
    let found: Vec<Missing> = streams.iter().filter_map(|stream| of(stream)).collect();
    match (wanted, streams.first(), found.is_empty()) {
        (Some(wanted), None, _) => {
            let known = report.streams.iter().map(|stream| stream.stream.clone()).collect();
            Err(MissingError::Unknown { wanted: wanted.to_owned(), known })
        }
        (Some(_), Some(stream), true) => {
            Err(MissingError::UnderWay { stream: stream.stream.clone(), pouch: stream.pouch.clone() })
        }
        _ => Ok(found),
    }
}

fn of(stream: &Progress) -> Option<Missing> {
    // Whoever wrote the report, what is shown as a command is one.
    let code = stream.missing.clone().filter(|code| code.bytes().all(is_code))?;
    let pouch: PouchId = stream.pouch.parse().ok()?;
    let blocks = stream.blocks.saturating_sub(stream.complete);
    let bytes = u128::from(stream.length) * u128::from(blocks) / u128::from(stream.blocks.max(1));
    Some(Missing {
        stream: stream.stream.clone(),
        command: command(&pouch, &code),
        pouch: stream.pouch.clone(),
        code,
        blocks,
        of_blocks: stream.blocks,
        bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        of_bytes: stream.length,
    })
}

const fn is_code(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'
}

/// What to type at home.
#[must_use]
pub fn command(pouch: &PouchId, code: &str) -> String {
    format!("pouch-send send {pouch} --only {code}")
}

/// The code's groups, eight in a line.
#[must_use]
pub fn groups(code: &str) -> String {
    let groups: Vec<&str> = code.split('-').collect();
    groups.chunks(8).map(|line| format!("  {}\n", line.join("-"))).collect()
}

/// The code word by word, a group a line, in the spelling alphabet of ICAO; nothing if it is too long to be read out.
#[must_use]
pub fn spelled(code: &str) -> Option<String> {
    if code.bytes().filter(|byte| *byte != b'-').count() > SPELLED {
        return None;
    }
    let line = |group: &str| {
        let words: Vec<&str> = group.chars().map(word).collect();
        format!("  {group:<5} {}\n", words.join(" "))
    };
    Some(code.split('-').map(line).collect())
}

fn word(letter: char) -> &'static str {
    match letter {
        '0' => "zero",
        '1' => "one",
        '2' => "two",
        '3' => "three",
        '4' => "four",
        '5' => "five",
        '6' => "six",
        '7' => "seven",
        '8' => "eight",
        '9' => "nine",
        'A' => "Alfa",
        'B' => "Bravo",
        'C' => "Charlie",
        'D' => "Delta",
        'E' => "Echo",
        'F' => "Foxtrot",
        'G' => "Golf",
        'H' => "Hotel",
        'J' => "Juliett",
        'K' => "Kilo",
        'M' => "Mike",
        'N' => "November",
        'P' => "Papa",
        'Q' => "Quebec",
        'R' => "Romeo",
        'S' => "Sierra",
        'T' => "Tango",
        'V' => "Victor",
        'W' => "Whiskey",
        'X' => "X-ray",
        'Y' => "Yankee",
        'Z' => "Zulu",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receive::report::State;

    fn report() -> Report {
        let stream = Progress {
            stream: "00112233aabbccdd".to_owned(),
            pouch: "land-000041".to_owned(),
            state: State::Incomplete,
            length: 1_000_000,
            blocks: 100,
            complete: 75,
            missing: Some("7KA2-90QF-1".to_owned()),
            ..Progress::default()
        };
        let going = Progress { stream: "ff".to_owned(), pouch: "land-000042".to_owned(), ..Progress::default() };
        Report { streams: vec![stream, going], ..Report::default() }
    }

    #[test]
    fn a_stream_is_found_by_either_name_or_all_are() {
        let all = missing(&report(), None).unwrap();
        assert_eq!((all.len(), all[0].blocks, all[0].bytes), (1, 25, 250_000));
        assert_eq!(all[0].command, "pouch-send send land-000041 --only 7KA2-90QF-1");
        for name in ["land-000041", "00112233aabbccdd"] {
            assert_eq!(missing(&report(), Some(name)).unwrap(), all);
        }
        assert!(matches!(missing(&report(), Some("ff")), Err(MissingError::UnderWay { .. })));
        assert!(matches!(missing(&report(), Some("x")), Err(MissingError::Unknown { known, .. }) if known.len() == 2));
    }

    #[test]
    fn a_forged_report_makes_no_command() {
        let mut report = report();
        report.streams[0].missing = Some("A; rm -rf /".to_owned());
        assert_eq!(missing(&report, None), Ok(Vec::new()));
        report.streams[0].missing = Some("A".to_owned());
        report.streams[0].pouch = "$(x)-000041".to_owned();
        assert_eq!(missing(&report, None), Ok(Vec::new()));
    }

    #[test]
    fn short_codes_are_spelled() {
        let text = spelled("7KA2-1").unwrap();
        assert_eq!(text, "  7KA2  seven Kilo Alfa two\n  1     one\n");
        assert_eq!(spelled(&"0".repeat(49)), None);
        assert_eq!(groups(&["AAAA"; 9].join("-")), format!("  {}\n  AAAA\n", ["AAAA"; 8].join("-")));
        for letter in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars() {
            assert_ne!(word(letter), "?");
        }
    }
}
