//! What is printed, one file a kind of result: human text here, JSON beside it.

pub(crate) mod plan;
pub(crate) mod sent;
pub(crate) mod status;

/// A line of a list of names and values.
pub(crate) fn line(name: &str, value: impl std::fmt::Display) -> String {
    format!("{name:<12} {}\n", pouch_console::escape(&value.to_string()))
}

/// Bits a second, for people.
pub(crate) fn rate(bits: u64) -> String {
    pouch_console::size(bits).replace('B', "bit/s")
}

/// Bits more than `bytes`, in hundredths of a percent of them, as text.
pub(crate) fn overhead(bits: u64, bytes: u64) -> String {
    let hundredths = u128::from(bits) * 10_000 / (u128::from(bytes.max(1)) * 8);
    let more = hundredths.saturating_sub(10_000);
    format!("{}.{:02} %", more / 100, more % 100)
}
