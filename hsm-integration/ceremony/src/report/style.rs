//! How the page looks, and the policy that allows this style and nothing else.

use crate::report::contents::Contents;
use std::fmt::Write as _;

const SHEET: &str = include_str!("style.css");

/// The whole style sheet: that of all reports, and the running head of this one.
pub(super) fn sheet(contents: &Contents<'_>, head: &str) -> String {
    let title = contents.beginning.as_ref().map_or("Record of a key ceremony", |beginning| beginning.title);
    format!(
        "{SHEET}@page {{ @top-left {{ content: {}; }} @top-right {{ content: {}; }} }}\n",
        string(title),
        string(head)
    )
}

/// The browser may use this one style sheet, and fetch and run nothing.
pub(super) fn policy(sheet: &str) -> String {
    let digest = openssl::base64::encode_block(&openssl::sha::sha256(sheet.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
}

/// A string of CSS: everything but letters, digits and spaces by its number, so that nothing ends it.
fn string(text: &str) -> String {
    let mut safe = String::from("\"");
    for letter in pouch_console::escape(text).chars() {
        if letter.is_ascii_alphanumeric() || letter == ' ' {
            safe.push(letter);
        } else {
            // Writing into a string does not fail.
            let _ = write!(safe, "\\{:06x}", u32::from(letter));
        }
    }
    safe + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_cannot_leave_its_string() {
        assert_eq!(string("Home 2026"), "\"Home 2026\"");
        assert_eq!(string("a\"b</style>"), "\"a\\000022b\\00003c\\00002fstyle\\00003e\"");
        assert_eq!(string("\u{202e}"), "\"\\00005cu\\00007b202e\\00007d\"");
    }
}
