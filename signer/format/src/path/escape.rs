//! Bytes from outside, made fit for a terminal and a log.

use std::fmt::Write as _;

use super::{BadCharacter, bad_character};

/// Most characters of a foreign name that a message repeats.
const SHOWN: usize = 120;

/// Whether a character is safe on a terminal and in a log: no control, bidirectional, format, private-use or unassigned
/// character, and no separator of lines.
#[must_use]
pub fn is_plain(character: char) -> bool {
    matches!(bad_character(character), None | Some(BadCharacter::Backslash))
}

/// Bytes of a name from outside, for a message: every control, bidirectional or otherwise unfit character becomes
/// `\u{..}`, every byte that is not UTF-8 `\x..`, quotes and backslashes are escaped, and what is long is cut (`...`).
#[must_use]
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut shown = 0;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if shown == SHOWN {
                text.push_str("...");
                return text;
            }
            shown += 1;
            match character {
                '"' | '\\' => text.extend(character.escape_default()),
                _ if is_plain(character) => text.push(character),
                _ => text.extend(character.escape_unicode()),
            }
        }
        for byte in chunk.invalid() {
            shown += 1;
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
        if shown >= SHOWN {
            text.push_str("...");
            return text;
        }
    }
    text
}
