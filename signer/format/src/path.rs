//! Paths of entries: the only names that an archive or an index can hold.
//!
//! SPEC.md, names. A name is checked once, where bytes enter; from then on the type says that it is clean. Start at
//! [`EntryPath::parse`]; [`UniqueNames`] then says whether the names of one archive fit together.

mod escape;
mod table;
mod unique;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::{Rule, limits};

pub use escape::{escaped, is_plain};
pub use unique::{NameConflict, UniqueNames};

/// The path of an entry: relative, UTF-8 in NFC, of plain components joined by `/`, without a slash at either end.
///
/// Only [`EntryPath::parse`] makes one, so whoever holds one need not look again. The order is that of the bytes, in
/// which a directory comes before what is in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EntryPath(String);

/// Which component of a name is not allowed, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {fault}", place(*.number, .component))]
pub struct PathError {
    /// Which component, from 1; 0 if it is the name as a whole.
    pub number: usize,
    /// The component (or the beginning of the whole name), escaped for a terminal.
    pub component: String,
    /// What is wrong with it.
    pub fault: PathFault,
}

/// What makes a name, or a component of one, unfit for a pouch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// A name without a byte.
    #[error("is empty")]
    EmptyName,
    /// More than [`limits::PATH_BYTES`].
    #[error("makes {bytes} bytes in all, and {} are allowed", limits::PATH_BYTES)]
    NameTooLong {
        /// Bytes of the whole name.
        bytes: usize,
    },
    /// More than [`limits::PATH_DEPTH`] components.
    #[error("is deeper than {} components", limits::PATH_DEPTH)]
    TooDeep,
    /// The name begins with a slash.
    #[error("is empty: the name is absolute")]
    Absolute,
    /// Two slashes in a row, or one at the end.
    #[error("is empty: a slash is doubled or at the end")]
    Empty,
    /// `.` or `..`.
    #[error("is a step in the tree, not a name")]
    Dots,
    /// More than [`limits::COMPONENT_BYTES`].
    #[error("has {bytes} bytes, and {} are allowed", limits::COMPONENT_BYTES)]
    ComponentTooLong {
        /// Bytes of the component.
        bytes: usize,
    },
    /// Not UTF-8.
    #[error("is not UTF-8 from its byte {valid_up_to} on")]
    NotUtf8 {
        /// Good bytes of the component before the first bad one.
        valid_up_to: usize,
    },
    /// A character that must not stand in a name.
    #[error("holds U+{:04X}, {kind}", u32::from(*.character))]
    Character {
        /// The character.
        character: char,
        /// What sort of character it is.
        kind: BadCharacter,
    },
    /// Not in Unicode normalization form C.
    #[error("is not in Unicode normalization form C")]
    NotNfc,
}

/// Sorts of characters that must not stand in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCharacter {
    /// C0, DEL or C1.
    #[error("a control character")]
    Control,
    /// General category Cf, which holds the bidirectional controls and the invisible joiners.
    #[error("a bidirectional or other format character")]
    Format,
    /// U+2028 or U+2029.
    #[error("a line or paragraph separator")]
    Separator,
    /// Means whatever a vendor says.
    #[error("a private-use character")]
    PrivateUse,
    /// Unassigned, or never to be assigned.
    #[error("not a character of Unicode {}.{}", unicode_properties::UNICODE_VERSION.0, unicode_properties::UNICODE_VERSION.1)]
    Unassigned,
    /// `\`, which other systems read as a separator.
    #[error("a backslash")]
    Backslash,
}

impl EntryPath {
    /// Checks the bytes of a name, which ends without a slash also for a directory.
    ///
    /// Plain ASCII costs one pass over the bytes.
    ///
    /// # Errors
    /// [`PathError`] names the first component that is not allowed ([`Rule::ArchiveName`]).
    pub fn parse(bytes: &[u8]) -> Result<Self, PathError> {
        check_whole(bytes)?;
        let mut components = 0;
        for component in bytes.split(|byte| *byte == b'/') {
            components += 1;
            let fail = |fault| PathError { number: components, component: escaped(component), fault };
            if components > limits::PATH_DEPTH {
                return Err(fail(PathFault::TooDeep));
            }
            check_component(component, components == 1).map_err(fail)?;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self(text.to_owned())),
            // Cannot be: every component was UTF-8, and so is the slash between them.
            Err(e) => Err(whole(bytes, PathFault::NotUtf8 { valid_up_to: e.valid_up_to() })),
        }
    }

    /// The name of `component` in this directory.
    ///
    /// # Errors
    /// As [`EntryPath::parse`] of the joined name.
    pub fn join(&self, component: &[u8]) -> Result<Self, PathError> {
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + component.len());
        bytes.extend_from_slice(self.0.as_bytes());
        bytes.push(b'/');
        bytes.extend_from_slice(component);
        Self::parse(&bytes)
    }

    /// The path as text, e.g. `register/2026/Põhja.db`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes of the path.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The components, 1 to [`limits::PATH_DEPTH`] of them.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The path of the directory that holds the entry, or none at the top.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }
}

impl PathError {
    /// The rule that refuses.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        Rule::ArchiveName
    }
}

/// What an error speaks of.
fn place(number: usize, component: &str) -> String {
    match number {
        0 => format!("the name \"{component}\""),
        number => format!("component {number} (\"{component}\") of the name"),
    }
}

fn whole(bytes: &[u8], fault: PathFault) -> PathError {
    PathError { number: 0, component: escaped(bytes), fault }
}

fn check_whole(bytes: &[u8]) -> Result<(), PathError> {
    match bytes.len() {
        0 => Err(whole(bytes, PathFault::EmptyName)),
        1..=limits::PATH_BYTES => Ok(()),
        length => Err(whole(bytes, PathFault::NameTooLong { bytes: length })),
    }
}

fn check_component(component: &[u8], first: bool) -> Result<(), PathFault> {
    match component {
        [] => return Err(if first { PathFault::Absolute } else { PathFault::Empty }),
        b"." | b".." => return Err(PathFault::Dots),
        _ if component.len() > limits::COMPONENT_BYTES => {
            return Err(PathFault::ComponentTooLong { bytes: component.len() });
        }
        _ => {}
    }
    // ASCII is in NFC by definition, and its only bad characters are the controls and the backslash.
    if component.iter().all(|byte| matches!(byte, 0x20..=0x7e) && *byte != b'\\') {
        return Ok(());
    }
    let text = std::str::from_utf8(component).map_err(|e| PathFault::NotUtf8 { valid_up_to: e.valid_up_to() })?;
    for character in text.chars() {
        if let Some(kind) = bad_character(character) {
            return Err(PathFault::Character { character, kind });
        }
    }
    if is_nfc(text) { Ok(()) } else { Err(PathFault::NotNfc) }
}

fn bad_character(character: char) -> Option<BadCharacter> {
    match character {
        '\\' => return Some(BadCharacter::Backslash),
        ' '..='~' => return None,
        _ => {}
    }
    match character.general_category() {
        GeneralCategory::Control => Some(BadCharacter::Control),
        GeneralCategory::Format => Some(BadCharacter::Format),
        GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => Some(BadCharacter::Separator),
        GeneralCategory::PrivateUse => Some(BadCharacter::PrivateUse),
        GeneralCategory::Unassigned | GeneralCategory::Surrogate => Some(BadCharacter::Unassigned),
        _ => None,
    }
}

fn is_nfc(text: &str) -> bool {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => true,
        IsNormalized::No => false,
        IsNormalized::Maybe => text.chars().nfc().eq(text.chars()),
    }
}

impl fmt::Display for EntryPath {
    /// Safe for a terminal: a path holds no control, bidirectional or format character.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EntryPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text.as_bytes())
    }
}

impl TryFrom<String> for EntryPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        Self::parse(text.as_bytes())
    }
}

impl From<EntryPath> for String {
    fn from(path: EntryPath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests;
