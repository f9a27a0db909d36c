//! Bytes from outside, made fit for a terminal and a log.

use std::fmt::Write as _;

use super::bad_character;

/// Most characters of a foreign name that a message repeats.
const SHOWN: usize = 120;

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
                _ if bad_character(character).is_some() => text.extend(character.escape_unicode()),
                _ => text.push(character),
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
