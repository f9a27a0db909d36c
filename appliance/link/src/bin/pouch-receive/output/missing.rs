//! What is missing, to be read aloud, typed or photographed.

use std::io::IsTerminal as _;

use pouch_console::qr::{Ground, drawn};
use pouch_console::{escape, size};
use pouch_link::receive::diagnose::share;
use pouch_link::receive::missing::{Missing, groups, spelled};
use pouch_platform::terminal_size;

use crate::cli::Qr;

pub(crate) fn text(missing: &Missing, qr: Qr) -> String {
    let mut text = format!(
        "{}, stream {}: {} of {} blocks are missing, at most {} of {} ({})\n",
        missing.pouch,
        escape(&missing.stream),
        missing.blocks,
        missing.of_blocks,
        size(missing.bytes),
        size(missing.of_bytes),
        share(missing.bytes, missing.of_bytes)
    );
    text += &format!("\nThe code:\n{}", groups(&missing.code));
    if let Some(spelled) = spelled(&missing.code) {
        text += &format!(
            "\nOver the telephone, group by group; hyphens are not read, there is no letter I, L, O or U:\n{spelled}"
        );
    }
    text += &format!("\nAt home, type:\n  {}\n", missing.command);
    text + &code(&missing.code, qr)
}

fn code(code: &str, qr: Qr) -> String {
    let ground = match qr {
        Qr::None => return String::new(),
        Qr::Dark => Ground::Dark,
        Qr::Light => Ground::Light,
    };
    let stdout = std::io::stdout();
    let columns = if stdout.is_terminal() { terminal_size(&stdout).map(|(columns, _)| columns) } else { None };
    let Some(drawing) = drawn(code, ground) else { return String::new() };
    let wide = drawing.lines().next().map_or(0, |line| line.chars().count());
    if columns.is_some_and(|columns| columns < wide) {
        return format!("\nIts QR code is {wide} columns wide: make the terminal wider, or its letters smaller.\n");
    }
    format!("\n{drawing}")
}
