//! Why a configuration is refused, with the file, the line and the nearest thing that would have been right.

use crate::{Exit, Explain, Failure};
use std::io;
use std::path::PathBuf;

/// A configuration that is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file or the folder of drop-ins cannot be read.
    #[error("cannot read {}: {error}", file.display())]
    Read {
        /// The file or folder.
        file: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// A file is larger than any configuration is.
    #[error("{} is larger than {most} bytes", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The limit in bytes.
        most: u64,
    },
    /// There are more drop-ins than any configuration has.
    #[error("{} holds more than {most} drop-ins", folder.display())]
    TooMany {
        /// The folder.
        folder: PathBuf,
        /// The limit.
        most: usize,
    },
    /// A file is no TOML.
    #[error("{}:{line} is no TOML: {message}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A key that means nothing here.
    #[error("unknown key \"{key}\" in {}:{line}", file.display())]
    UnknownKey {
        /// The dotted key.
        key: String,
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The known keys at this place, the most similar one first if one is similar.
        known: Vec<String>,
        /// Whether the first of `known` is similar enough to be meant.
        similar: bool,
    },
    /// A key that has no default is not there.
    #[error("key \"{key}\" is missing in {}", file.display())]
    MissingKey {
        /// The dotted key.
        key: String,
        /// The file where its table is.
        file: PathBuf,
    },
    /// A value of the wrong type, or out of its range.
    #[error("key \"{key}\" in {}:{line}: {message}", file.display())]
    Value {
        /// The dotted key.
        key: String,
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
}

impl Explain for ConfigError {
    fn explain(&self) -> Failure {
        let id = match self {
            ConfigError::Read { .. } => "CONFIG-READ",
            ConfigError::TooLarge { .. } | ConfigError::TooMany { .. } => "CONFIG-SIZE",
            ConfigError::Syntax { .. } => "CONFIG-SYNTAX",
            ConfigError::UnknownKey { .. } => "CONFIG-KEY",
            ConfigError::MissingKey { .. } => "CONFIG-MISSING",
            ConfigError::Value { .. } => "CONFIG-VALUE",
        };
        let failure = Failure::new(id, Exit::Config, self);
        match self {
            ConfigError::UnknownKey { known, similar: true, .. } => {
                failure.hint(format!("did you mean \"{}\"?", known.first().map_or("", String::as_str)))
            }
            ConfigError::UnknownKey { known, .. } if !known.is_empty() => {
                failure.hint(format!("known here: {}", known.join(", ")))
            }
            _ => failure,
        }
    }
}

/// Sorts `known`, the most similar to `key` first if it is similar enough to be meant, which is what it returns.
pub(super) fn nearest(key: &str, known: &mut [String]) -> bool {
    known.sort();
    let enough = (key.chars().count() / 3).max(2);
    let similar = known.iter().map(|name| distance(key, name)).min().is_some_and(|least| least <= enough);
    if similar {
        known.sort_by_cached_key(|name| distance(key, name));
    }
    similar
}

/// How many characters must be added, dropped, changed or swapped with their neighbour to make one of the other.
///
/// The common dynamic programme over two previous rows (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (i, x) in a.chars().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&row, j) + 1).min(at(&above, j + 1) + 1).min(at(&above, j) + usize::from(x != *y));
            let swapped = j.checked_sub(1).and_then(|k| b.get(k).map(|previous| (k, *previous)));
            if let (Some((k, previous)), Some(last)) = (swapped, last)
                && (previous, last) == (x, *y)
            {
                best = best.min(at(&before, k) + 1);
            }
            row.push(best);
        }
        last = Some(x);
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, far) in [
            ("", "", 0),
            ("spool", "spool", 0),
            ("spol", "spool", 1),
            ("sopol", "spool", 1),
            ("", "abc", 3),
            ("rpo", "module", 6),
        ] {
            assert_eq!((a, b, distance(a, b)), (a, b, far));
            assert_eq!(distance(b, a), far);
        }
    }

    #[test]
    fn the_nearest_comes_first_and_must_be_near() {
        let mut known = ["module", "spool", "token"].map(String::from);
        assert!(nearest("spol", &mut known));
        assert_eq!(known.first().unwrap(), "spool");
        assert!(!nearest("recipients", &mut known));
    }
}
