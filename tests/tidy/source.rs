//! Source files and the rules that hold for the text of each.

use std::fs;
use std::path::{Path, PathBuf};

/// Above so many lines a file is worth another look.
const LONG: usize = 400;
/// Above so many lines it is too long.
const TOO_LONG: usize = 600;
/// A `main.rs` parses, opens, calls and reports.
const LONG_MAIN: usize = 100;

/// The only crate where `unsafe` may stand.
const UNSAFE_HOME: &str = "appliance/platform/";

/// A file with its text.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Source { path: path.into(), text: text.into() }
    }

    fn is_in(&self, folder: &str) -> bool {
        self.path.to_string_lossy().replace('\\', "/").contains(folder)
    }
}

/// The Rust files of the package in `folder`, without those of packages below it.
pub(crate) fn rust_files(folder: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    walk(folder, &mut |path| {
        if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(Source::new(path, read(path)));
        }
    });
    files
}

/// The readable text at the head of every file in `folder`, if there is such a folder.
pub(crate) fn texts(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    if folder.is_dir() {
        walk(folder, &mut |path| {
            let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            texts.push(String::from_utf8_lossy(bytes.get(..4096).unwrap_or(&bytes)).into_owned());
        });
    }
    texts
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            if !hidden && !path.ends_with("target") && !path.join("Cargo.toml").exists() {
                walk(&path, visit);
            }
        } else if !hidden {
            visit(&path);
        }
    }
}

/// A line without its comment and with the insides of its strings gone. Good for rustfmt's output; raw strings over
/// several lines pass as code.
pub(crate) fn code(line: &str) -> String {
    let mut code = String::new();
    let mut string = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if string => drop(chars.next()),
            '\'' if !string && chars.peek() == Some(&'"') => drop(chars.next()),
            '"' => {
                string = !string;
                code.push(c);
            }
            '/' if !string && chars.peek() == Some(&'/') => break,
            c if !string => code.push(c),
            _ => {}
        }
    }
    code
}

/// Whether `word` stands in `code` and is not a part of a longer name.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        let after = code.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

pub(crate) fn warn_of_length(file: &Source) {
    let lines = file.text.lines().count();
    if lines > LONG {
        println!("warning: {} has {lines} lines; look whether it is two things", file.path.display());
    }
}

pub(crate) fn check(file: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    let lines = file.text.lines().count();
    let most = if file.path.ends_with("src/main.rs") { LONG_MAIN } else { TOO_LONG };
    if lines > most {
        findings.push(format!("{}: {lines} lines, at most {most}", file.path.display()));
    }
    // Put together here, so that this file does not hold them.
    let whole = [["FIX", "ME"].concat(), ["/wo", "rk/"].concat()];
    let in_code = ["todo!", "unimplemented!", "dbg!", "#[ignore"].map(String::from);
    for (number, line) in file.text.lines().enumerate() {
        let code = code(line);
        let mut say = |what: &str| findings.push(format!("{}:{}: {what}", file.path.display(), number + 1));
        for word in whole.iter().filter(|word| line.contains(*word)) {
            say(&format!("{word} must not stay"));
        }
        for word in in_code.iter().filter(|word| code.contains(*word)) {
            say(&format!("{word} must not stay"));
        }
        if !file.is_in(UNSAFE_HOME) && (has_word(&code, "unsafe") || code.contains("(unsafe_code")) {
            say("unsafe has its home in the platform");
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn words_that_must_not_stay_are_found() {
        assert_eq!(found("a.rs", "fn a() {}\n// an unsafe thing, said \"todo!\" in passing\n"), 0);
        assert_eq!(found("a.rs", "fn a() { todo!() }"), 1);
        assert_eq!(found("a.rs", "fn a() { unimplemented!() }"), 1);
        assert_eq!(found("a.rs", "    #[ignore = \"slow\"]"), 1);
        assert_eq!(found("a.rs", &["// FIX", "ME: later"].concat()), 1);
        assert_eq!(found("a.rs", &["// see /wo", "rk/notes"].concat()), 1);
    }

    #[test]
    fn unsafe_is_found_outside_its_home() {
        assert_eq!(found("signer/seal/src/a.rs", "let x = unsafe { *p };"), 1);
        assert_eq!(found("signer/seal/src/a.rs", "#![allow(unsafe_code, reason = \"x\")]"), 1);
        assert_eq!(found("appliance/platform/src/a.rs", "let x = unsafe { *p };"), 0);
        assert_eq!(found("signer/seal/src/a.rs", "let s = \"unsafe\"; // unsafe"), 0);
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(found("a.rs", &"//\n".repeat(TOO_LONG)), 0);
        assert_eq!(found("a.rs", &"//\n".repeat(TOO_LONG + 1)), 1);
        assert_eq!(found("a/src/main.rs", &"//\n".repeat(LONG_MAIN + 1)), 1);
    }

    #[test]
    fn code_is_what_is_neither_comment_nor_string() {
        assert_eq!(code(r#"let a = "b // \" c"; // d"#), r#"let a = ""; "#);
        assert_eq!(code("let a = '\"'; b // c"), "let a = '; b ");
        assert!(has_word("x = unsafe {", "unsafe") && !has_word("unsafe_code", "unsafe"));
    }
}
