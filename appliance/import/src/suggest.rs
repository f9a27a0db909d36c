//! Commands that hints suggest. Each is made here, so that one test can give them all to the real parser.

use std::path::Path;

use pouch_format::RegistryName;

/// Verifying a pouch.
pub(crate) fn verify(pouch: &Path) -> String {
    format!("pouch-import verify {}", quoted(pouch))
}

/// Looking at what is here.
pub(crate) fn status(registry: &RegistryName) -> String {
    format!("pouch-import status {registry}")
}

/// Looking at everything that is here.
pub(crate) fn status_of_all() -> String {
    "pouch-import status".to_owned()
}

/// Looking whether this machine is set up.
pub(crate) fn config_check() -> String {
    "pouch-import config check".to_owned()
}

/// The way out when the state is lost.
pub(crate) fn recover() -> String {
    "pouch-import recover --note POUCH=DIGEST --officer NAME --officer NAME".to_owned()
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ',' | ':' | '@');
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return text;
    }
    format!("-- '{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser as _;

    #[test]
    fn paths_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(quoted(Path::new("/media/a b")), "-- '/media/a b'");
        assert_eq!(quoted(Path::new("it's")), "-- 'it'\\''s'");
        assert_eq!(quoted(Path::new("/media/land-000041")), "/media/land-000041");
    }

    #[test]
    fn every_suggestion_parses() {
        let registry = "land".parse().unwrap();
        let note = format!("land-000041={}", "0".repeat(64));
        for command in
            [verify(Path::new("/media/land-000041")), status(&registry), status_of_all(), config_check(), recover()]
        {
            let command = command.replace("POUCH=DIGEST", &note);
            assert!(Cli::try_parse_from(command.split(' ')).is_ok(), "{command}");
        }
    }
}
