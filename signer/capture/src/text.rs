//! Talk of other programs, made fit for our messages.

/// Foreign talk of at most `limit` bytes on one line; its spaces and quotes stay, all else is escaped as
/// [`pouch_format::escaped`] does.
pub(crate) fn printable(bytes: &[u8], limit: usize) -> String {
    let (shown, cut) = bytes.split_at_checked(limit).map_or((bytes, ""), |(head, _)| (head, "..."));
    let words = shown.split(|byte| *byte == b' ').map(|word| {
        let parts: Vec<String> = word.split(|byte| *byte == b'"').map(pouch_format::escaped).collect();
        parts.join("\"")
    });
    words.collect::<Vec<_>>().join(" ") + cut
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn talk_stays_readable_and_harmless() {
        assert_eq!(printable("relation \"õigus\" is gone".as_bytes(), 100), "relation \"õigus\" is gone");
        assert_eq!(printable(b"a\x1b[31mred\nb", 100), "a\\u{1b}[31mred\\u{a}b");
        assert_eq!(printable("\u{202e}x".as_bytes(), 100), "\\u{202e}x");
        assert_eq!(printable(b"abcdef", 3), "abc...");
        assert_eq!(printable("aä".as_bytes(), 2), "a\\xc3...");
        assert_eq!(printable(b"", 3), "");
    }
}
