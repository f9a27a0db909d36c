//! Small parts that come up again and again: times, digests in groups, words in a grid.

use super::qr;
use jiff::Timestamp;
use maud::{Markup, html};
use pouch_console::escape;

/// Words in a row, as in everything that is read aloud.
const WORDS: usize = 8;
/// Letters of a digest that stand together.
const GROUP: usize = 4;

/// A moment, with its date.
pub(super) fn time(at: Timestamp) -> Markup {
    html! { span class="time" { (at.strftime("%Y-%m-%d %H:%M:%S")) " UTC" } }
}

/// A digest or fingerprint in groups of four, that break over lines between groups only.
pub(super) fn groups(hex: &str) -> Markup {
    let letters: Vec<char> = hex.chars().collect();
    let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    let per_row = if groups.len() == 10 { 5 } else { WORDS };
    html! {
        span class="groups" {
            @for row in groups.chunks(per_row) { span { (row.join(" ")) } }
        }
    }
}

/// Words to be read aloud: eight in a row, each row with the number of its first word.
pub(super) fn words(words: &str) -> Markup {
    let words: Vec<&str> = words.split(' ').collect();
    html! {
        table class="words" {
            @for (row, words) in words.chunks(WORDS).enumerate() {
                tr {
                    th scope="row" { (row.saturating_mul(WORDS).saturating_add(1)) }
                    @for word in words { td { (word) } }
                }
            }
        }
    }
}

/// A digest as it is compared: name, groups, words.
pub(super) fn compared(name: &str, hex: &str, spoken: &str) -> Markup {
    html! {
        div class="compared" {
            h3 { (name) }
            p { (groups(hex)) }
            (words(spoken))
        }
    }
}

/// A fingerprint: groups and words, and the code that OpenPGP programs scan.
pub(super) fn fingerprint(hex: &str, spoken: &str) -> Markup {
    html! {
        div class="fingerprint" {
            div {
                p { (groups(hex)) }
                (words(spoken))
            }
            div class="scan" {
                (qr::svg(&format!("OPENPGP4FPR:{hex}"), &format!("fingerprint {hex}")))
                p class="note" { "OPENPGP4FPR" }
            }
        }
    }
}

/// Text of the transcript, on one line.
pub(super) fn text(text: &str) -> Markup {
    html! { (escape(text)) }
}

/// A URI, which may break after each of its attributes.
pub(super) fn uri(uri: &str) -> Markup {
    let safe = escape(uri);
    html! {
        span class="uri" {
            @for part in safe.split_inclusive(';') { (part) wbr; }
        }
    }
}

/// Beginning with a capital.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
