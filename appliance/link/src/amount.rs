//! Numbers of bytes and of bits in a second, as an operator writes them: `1G`, `2.5G`, `200M`, `1408`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The decimal units, and how much they are.
const UNITS: [(char, u64); 4] = [('T', 1_000_000_000_000), ('G', 1_000_000_000), ('M', 1_000_000), ('k', 1_000)];

/// A number of bytes, or of bits in a second; at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount(u64);

/// A text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\" is no number such as 950M, 1G or 2.5T")]
pub struct AmountError {
    /// What was written.
    pub found: String,
}

impl Amount {
    /// So many; 0 becomes 1.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(if number == 0 { 1 } else { number })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    fn read(text: &str) -> Option<u64> {
        let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(*unit)?, *factor)));
        let (number, factor) = unit.unwrap_or((text, 1));
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 3 || (number.contains('.') && factor == 1) {
            return None;
        }
        let thousandths = format!("{part:0<3}").parse::<u64>().ok()?.checked_mul(factor / 1000);
        let sum = whole.parse::<u64>().ok()?.checked_mul(factor)?.checked_add(thousandths?)?;
        (sum > 0).then_some(sum)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        Self::read(text).map(Self).ok_or_else(|| AmountError { found: text.to_owned() })
    }
}

impl TryFrom<String> for Amount {
    type Error = AmountError;

    fn try_from(text: String) -> Result<Self, AmountError> {
        text.parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> String {
        amount.to_string()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest unit of which it is a whole number.
        match UNITS.iter().find(|(_, factor)| self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_shown() {
        for (text, number, shown) in [
            ("1", 1, "1"),
            ("1500", 1500, "1500"),
            ("1000", 1000, "1k"),
            ("2.5G", 2_500_000_000, "2500M"),
            ("0.001k", 1, "1"),
            ("12T", 12_000_000_000_000, "12T"),
        ] {
            let amount: Amount = text.parse().unwrap();
            assert_eq!((amount.get(), amount.to_string().as_str()), (number, shown));
            assert_eq!(shown.parse(), Ok(amount));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "0", "G", "-1G", "+1", "1.5", "1.G", ".5G", "1.0001G", "1e9", "1 G", "99999999999999T", "1g"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }
}
