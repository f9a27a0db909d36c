//! The binding: which device is which token of the plan, and where secrets and files of this one occasion lie.
//!
//! ```toml
//! module = "/usr/lib/softhsm/libsofthsm2.so"   # unless a URI names another
//! private_terminal = "/dev/tty2"                # where custodians see and type their words
//!
//! [token.home]
//! uri = "pkcs11:serial=4711"                    # serial, slot-id, ...; no PIN
//! user_pin_file = "/run/pouch/home.pin"         # where user_pin = "file"
//!
//! [known.embassy]
//! file = "embassy.pgp"                          # relative to the binding
//! ```

use crate::plan::{Custody, Name, Plan, Problem};
use openpgp_pkcs11::Uri;
use pouch_console::config::{self, ConfigError};
use pouch_console::{Exit, Explain, Failure};
use pouch_format::Sha256Digest;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A binding, checked against its plan.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The module of tokens whose URI names none.
    pub module: Option<PathBuf>,
    /// Where custodians see and type their words; the terminal of the ceremony unless given.
    pub private_terminal: Option<PathBuf>,
    /// The plan's tokens.
    #[serde(default)]
    pub token: BTreeMap<Name, TokenBinding>,
    /// The plan's known certificates.
    #[serde(default)]
    pub known: BTreeMap<Name, KnownBinding>,
}

/// One token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenBinding {
    /// Which token; without PIN source.
    pub uri: String,
    /// Where the user PIN lies, or comes to lie, with `user_pin = "file"`.
    pub user_pin_file: Option<PathBuf>,
    /// Where the security officer's PIN comes to lie, with `so_pin = "file"`.
    pub so_pin_file: Option<PathBuf>,
}

/// One known certificate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownBinding {
    /// Its file.
    pub file: PathBuf,
}

/// Why a binding is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    /// It cannot be read, or has unknown, missing or wrong keys.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// It does not fit the plan.
    #[error("the binding {} does not fit the plan", file.display())]
    Problems {
        /// The file.
        file: PathBuf,
        /// All that is wrong with it.
        problems: Vec<Problem>,
    },
}

impl Explain for BindingError {
    fn explain(&self) -> Failure {
        match self {
            Self::File(error) => error.explain(),
            Self::Problems { problems, .. } => {
                let failure = Failure::new("CEREMONY-BINDING", Exit::Config, self);
                let failure =
                    problems.iter().fold(failure, |failure, problem| failure.fact(&problem.field, &problem.what));
                failure.hint("nothing was done; correct the binding")
            }
        }
    }
}

impl Binding {
    /// Reads a binding, with the digest of its file, and compares it with the plan.
    ///
    /// # Errors
    /// [`BindingError`]
    pub fn load(path: &Path, plan: &Plan) -> Result<(Self, Sha256Digest), BindingError> {
        let (mut binding, text) = config::load_file::<Self>(path)?;
        let problems = binding.problems(plan);
        if !problems.is_empty() {
            return Err(BindingError::Problems { file: path.to_owned(), problems });
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        binding.known.values_mut().for_each(|known| known.file = folder.join(&known.file));
        for token in binding.token.values_mut() {
            for file in [&mut token.user_pin_file, &mut token.so_pin_file].into_iter().flatten() {
                *file = std::path::absolute(folder.join(&*file)).unwrap_or_else(|_| folder.join(&*file));
            }
        }
        Ok((binding, Sha256Digest(openssl::sha::sha256(text.as_bytes()))))
    }

    fn problems(&self, plan: &Plan) -> Vec<Problem> {
        let mut found = self.shared_files();
        let mut unless = |good: bool, field: String, what: &str| {
            if !good {
                found.push(Problem { field, what: what.to_owned() });
            }
        };
        for (name, token) in &plan.token {
            let Some(bound) = self.token.get(name) else {
                unless(false, format!("token.{name}"), "is missing");
                continue;
            };
            match Uri::parse(&bound.uri) {
                Err(error) => unless(false, format!("token.{name}.uri"), &error.to_string()),
                Ok(uri) => {
                    let object = uri.object().is_some() || uri.id().is_some();
                    unless(!object, format!("token.{name}.uri"), "names a key; name the token alone");
                    let hint = "has a pin-source; the plan says who holds the PIN";
                    unless(uri.pin_source().is_none(), format!("token.{name}.uri"), hint);
                }
            }
            let files = [
                ("user_pin_file", token.user_pin == Custody::File, &bound.user_pin_file),
                ("so_pin_file", token.so_pin == Some(Custody::File), &bound.so_pin_file),
            ];
            for (field, wanted, file) in files {
                let what = if wanted {
                    "is missing: the plan keeps this PIN in a file"
                } else {
                    "the plan does not keep this PIN in a file"
                };
                unless(wanted == file.is_some(), format!("token.{name}.{field}"), what);
            }
        }
        for name in self.token.keys().filter(|name| !plan.token.contains_key(name)) {
            unless(false, format!("token.{name}"), "is no token of the plan");
        }
        for name in plan.known.keys() {
            unless(self.known.contains_key(name), format!("known.{name}"), "is missing");
        }
        for name in self.known.keys().filter(|name| !plan.known.contains_key(name)) {
            unless(false, format!("known.{name}"), "is no known certificate of the plan");
        }
        found
    }
    /// Files that are named for two PINs: the second would be written over the first, and one token be locked for ever.
    fn shared_files(&self) -> Vec<Problem> {
        let mut seen: BTreeMap<PathBuf, String> = BTreeMap::new();
        let mut found = Vec::new();
        for (name, token) in &self.token {
            for (which, file) in [("user_pin_file", &token.user_pin_file), ("so_pin_file", &token.so_pin_file)] {
                let (Some(file), field) = (file, format!("token.{name}.{which}")) else { continue };
                let path = std::path::absolute(file).unwrap_or_else(|_| file.clone());
                if let Some(other) = seen.insert(path, field.clone()) {
                    found.push(Problem { field, what: format!("is the file of {other} too") });
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pin_has_a_file_of_its_own() {
        let fields = |officer: &str, other: &str| {
            let text = format!(
                "token.a = {{ uri = \"pkcs11:\", user_pin_file = \"a.pin\", so_pin_file = \"{officer}\" }}\n\
                 token.b = {{ uri = \"pkcs11:\", user_pin_file = \"{other}\" }}"
            );
            let binding: Binding = toml::from_str(&text).unwrap();
            binding.shared_files().into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        assert_eq!(fields("a.so-pin", "b.pin"), [""; 0]);
        assert_eq!(fields("./a.pin", "b.pin"), ["token.a.so_pin_file"]);
        assert_eq!(fields("a.so-pin", "a.pin"), ["token.b.user_pin_file"]);
    }
}
