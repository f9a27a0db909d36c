//! Making text from outside safe to show: a name in an archive must not move the cursor, hide a line or turn it around.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Whether a character may reach a terminal or a log as itself.
///
/// Not so: C0 and C1 controls and DEL, format characters (all bidi controls are among them), line and paragraph
/// separators, and code points that mean nothing to anyone (private use, unassigned).
fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    use GeneralCategory as G;
    !matches!(
        c.general_category(),
        G::Control
            | G::Format
            | G::LineSeparator
            | G::ParagraphSeparator
            | G::PrivateUse
            | G::Surrogate
            | G::Unassigned
    )
}

/// `text` on one line, with every character that could act on a terminal or forge a log line written as `\n`, `\t`, `\r`
/// or `\u{202e}`.
///
/// Backslashes stay as they are, so that escaping twice changes nothing and every layer can escape for itself.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_plain(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c => safe.extend(c.escape_unicode()),
        }
    }
    safe
}

/// Like [`escape`], for text of our own layout: line feeds stay.
#[must_use]
pub fn escape_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escape).collect();
    lines.join("\n")
}

/// A JSON text that means the same and holds none of the characters that [`escape`] would escape.
///
/// Such characters can stand only inside JSON strings, once the text is on one line, so `\uXXXX` is always right there.
#[must_use]
pub fn escape_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if is_plain(c) {
            safe.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminal_sequences_bidi_and_separators_are_shown_as_text() {
        assert_eq!(escape("\u{1b}[2J\u{7f}\u{9b}31m"), "\\u{1b}[2J\\u{7f}\\u{9b}31m");
        assert_eq!(escape("exe\u{202e}cod.\u{2066}\u{200b}\u{feff}"), "exe\\u{202e}cod.\\u{2066}\\u{200b}\\u{feff}");
        assert_eq!(escape("a\nb\r\tc\u{2028}\u{2029}"), "a\\nb\\r\\tc\\u{2028}\\u{2029}");
        assert_eq!(escape("\u{e000}\u{e0041}"), "\\u{e000}\\u{e0041}");
    }

    #[test]
    fn names_of_people_and_places_stay() {
        let names = "Õnne Šnjaga Müller Ѓорѓи 東京 ‒ “x” \\ é e\u{301}";
        assert_eq!(escape(names), names);
    }

    #[test]
    fn our_own_lines_stay_lines() {
        assert_eq!(escape_lines("a\n\u{1b}b\n"), "a\n\\u{1b}b\n");
    }

    #[test]
    fn json_stays_valid_and_means_the_same() {
        let text = "\u{1b}\u{202e}\u{e0041}\n\"\\ä";
        let json = serde_json::to_string(text).unwrap();
        let safe = escape_json(&json);
        assert_eq!(safe, r#""\u001b\u202e\udb40\udc41\n\"\\ä""#);
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
    }

    proptest! {
        #[test]
        fn nothing_dangerous_is_left_and_escaping_twice_is_escaping_once(text in any::<String>()) {
            let once = escape(&text);
            prop_assert!(once.chars().all(is_plain));
            prop_assert!(once.bytes().all(|b| b >= 0x20 && b != 0x7f));
            prop_assert_eq!(escape(&once), once.clone());
            let json = escape_json(&serde_json::to_string(&text).unwrap());
            prop_assert!(json.chars().all(is_plain));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
