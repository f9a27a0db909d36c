//! Whether the names of one archive fit together: unique in any reader's eyes, each in a directory seen before.

use std::{
    borrow::Cow,
    hash::{BuildHasher, Hasher, RandomState},
};

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use super::{EntryPath, table::Table};
use crate::Rule;

/// Why a name does not fit with the names before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameConflict {
    /// Equal to a name before, or equal after case folding and NFKC.
    #[error("\"{path}\" is the same as a name before it once case and compatibility forms are folded")]
    NotUnique {
        /// The later of the two names.
        path: EntryPath,
    },
    /// No directory of exactly this name came before.
    #[error("\"{path}\" comes before its directory, or in something that is no directory")]
    NoParent {
        /// The name.
        path: EntryPath,
    },
}

impl NameConflict {
    /// The rule that refuses.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        match self {
            Self::NotUnique { .. } => Rule::ArchiveUnique,
            Self::NoParent { .. } => Rule::ArchiveParent,
        }
    }
}

/// The names of one archive so far.
///
/// Holds 128 bits of a keyed BLAKE3 a name (and as much again a directory), never the names: 4 million files cost
/// about 110 MiB. A collision by chance (below 2^-80) refuses; it cannot admit a name twice.
#[derive(Debug)]
pub struct UniqueNames {
    key: [u8; 32],
    seen: Table,
    last_parent: String,
}

impl Default for UniqueNames {
    fn default() -> Self {
        Self::new()
    }
}

impl UniqueNames {
    /// No names yet. The key of the hash is random, so that nobody can prepare names that crowd the table.
    #[must_use]
    pub fn new() -> Self {
        let mut seed = blake3::Hasher::new();
        for _ in 0..4 {
            seed.update(&RandomState::new().build_hasher().finish().to_le_bytes());
        }
        Self { key: *seed.finalize().as_bytes(), seen: Table::default(), last_parent: String::new() }
    }

    /// Adds a directory, after which names in it are allowed.
    ///
    /// # Errors
    /// [`NameConflict`], and then nothing was added.
    pub fn add_directory(&mut self, path: &EntryPath) -> Result<(), NameConflict> {
        self.add_file(path)?;
        self.seen.insert(self.hash(path.as_str(), Role::Directory));
        Ok(())
    }

    /// Adds a file.
    ///
    /// # Errors
    /// [`NameConflict`], and then nothing was added.
    pub fn add_file(&mut self, path: &EntryPath) -> Result<(), NameConflict> {
        if let Some(parent) = path.parent()
            && parent != self.last_parent
        {
            if !self.seen.contains(self.hash(parent, Role::Directory)) {
                return Err(NameConflict::NoParent { path: path.clone() });
            }
            parent.clone_into(&mut self.last_parent);
        }
        if self.seen.insert(self.hash(&folded(path.as_str()), Role::Name)) {
            Ok(())
        } else {
            Err(NameConflict::NotUnique { path: path.clone() })
        }
    }

    fn hash(&self, text: &str, role: Role) -> u128 {
        let mut bytes = [0; 16];
        blake3::Hasher::new_keyed(&self.key).update(text.as_bytes()).finalize_xof().fill(&mut bytes);
        (u128::from_le_bytes(bytes) & !1) | role as u128
    }
}

/// What a hash in the table stands for; its lowest bit.
#[derive(Clone, Copy)]
enum Role {
    /// A folded name that is taken.
    Name = 0,
    /// The exact name of a directory.
    Directory = 1,
}

/// Each component as Unicode's compatibility caseless match (D146) compares it, then in NFKC.
///
/// Components are joined by NUL, which no name holds, since NFKC can make a slash (of U+FF0F, for one).
fn folded(path: &str) -> Cow<'_, str> {
    if path.is_ascii() {
        return if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            path.to_ascii_lowercase().replace('/', "\0").into()
        } else if path.contains('/') {
            path.replace('/', "\0").into()
        } else {
            path.into()
        };
    }
    let mut text = String::with_capacity(path.len() + 16);
    for (number, component) in path.split('/').enumerate() {
        if number > 0 {
            text.push('\0');
        }
        let plain = component.chars().nfd().default_case_fold().nfkd().default_case_fold();
        text.extend(plain.nfkc());
    }
    text.into()
}
