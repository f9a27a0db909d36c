//! Small renderings shared by all commands: sizes, durations, tables and digests in words.

use std::time::Duration;

/// A number of bytes in decimal units, e.g. `999 B`, `1.2 kB`, `291.3 MB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    // In tenths of the unit, so that no float decides what is shown.
    let mut tenths = u128::from(bytes) / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS.get(unit).unwrap_or(&"EB"))
}

/// A span of time to the precision that a person wants: `0.42 s`, `59.9 s`, `3 min 20 s`, `5 h 3 min`, `12 d 4 h`.
#[must_use]
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    let minutes = seconds / 60;
    let hours = minutes / 60;
    match seconds {
        0..10 => format!("{seconds}.{:02} s", span.subsec_millis() / 10),
        10..60 => format!("{seconds}.{} s", span.subsec_millis() / 100),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// Rows under a heading, in columns as wide as their widest cell, two spaces apart; the last column is not padded.
///
/// Cells are escaped. Rows shorter than the heading are padded with empty cells, longer ones keep their extra cells.
#[must_use]
pub fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let head = heading.map(crate::escape);
    let rows: Vec<[String; N]> = rows.iter().map(|row| std::array::from_fn(|i| cell(row, i))).collect();
    let mut widths = [0usize; N];
    for row in std::iter::once(&head).chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&head).chain(&rows) {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn cell<const N: usize>(row: &[String; N], index: usize) -> String {
    row.get(index).map(|text| crate::escape(text)).unwrap_or_default()
}

/// Words that are read aloud and compared, e.g. the words of a digest: `per_line` in a row, each row numbered by its first word.
#[must_use]
pub fn words<S: AsRef<str>>(words: &[S], per_line: usize) -> String {
    let words: Vec<String> = words.iter().map(|word| crate::escape(word.as_ref())).collect();
    let width = words.iter().map(|word| word.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (row, line) in words.chunks(per_line.max(1)).enumerate() {
        let cells: Vec<String> = line.iter().map(|word| format!("{word:width$}")).collect();
        text.push_str(format!("{:>4}  {}", row * per_line.max(1) + 1, cells.join("  ")).trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_decimal_units() {
        let shown: Vec<String> = [0, 999, 1000, 1250, 999_999, 291_300_000, u64::MAX].map(size).into();
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "1.2 kB", "999.9 kB", "291.3 MB", "18.4 EB"]);
    }

    #[test]
    fn durations_as_people_say_them() {
        let shown: Vec<String> = [420, 59_940, 200_000, 18_180_000, 1_051_200_000]
            .map(|milliseconds| duration(Duration::from_millis(milliseconds)))
            .into();
        assert_eq!(shown, ["0.42 s", "59.9 s", "3 min 20 s", "5 h 3 min", "12 d 4 h"]);
    }

    #[test]
    fn tables_line_up_and_escape() {
        let rows = [["land".to_string(), "41".to_string()], ["b\x1b".to_string(), String::new()]];
        assert_eq!(table(["registry", "pouch"], &rows), "registry  pouch\nland      41\nb\\u{1b}\n");
    }

    #[test]
    fn words_in_numbered_rows() {
        assert_eq!(words(&["absurd", "bodyguard", "crumpled"], 2), "   1  absurd     bodyguard\n   3  crumpled\n");
        assert_eq!(words::<&str>(&[], 0), "");
    }
}
