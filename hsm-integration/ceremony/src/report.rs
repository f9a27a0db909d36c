//! The record of a ceremony as one HTML file: read on a screen, printed on A4, signed by hand and filed.
//!
//! The file needs nothing else: no script, no font, no image from anywhere, and its policy (CSP) forbids the browser to fetch
//! any. Everything that comes from the transcript is escaped twice: characters that act on a terminal or turn text around
//! become visible, then HTML's own. Nothing is told by colour alone.
//!
//! Start reading at [`html`]; what the lines of the transcript add up to is in `contents`, the page in `page`.

mod contents;
mod page;
mod parts;
mod qr;
mod steps;
mod style;

use crate::transcript::Verdict;
use jiff::Timestamp;

/// What a report says besides what the transcript says.
#[derive(Debug)]
pub struct Report<'a> {
    /// What was found of the transcript.
    pub verdict: &'a Verdict,
    /// What is to be read although the transcript is whole: a rehearsal, exceptions, failed attempts.
    pub findings: &'a [String],
    /// When it was judged.
    pub at: Timestamp,
    /// Name and version of the tool that judged it.
    pub tool: &'a str,
}

/// The report as a complete HTML document.
pub fn html(report: &Report<'_>) -> String {
    page::page(report).into_string()
}
