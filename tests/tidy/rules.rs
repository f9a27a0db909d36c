//! Every rule of the format is written down in SPEC.md, enforced by some code, and shown to refuse by some test.

use crate::source::{Source, code, has_word};
use pouch_format::Rule;

pub(crate) fn check(specification: &str, files: &[Source], vectors: &[String]) -> Vec<String> {
    let mut shipped = String::new();
    let mut tests = vectors.join("\n");
    for file in files.iter().filter(|file| !file.path.ends_with("format/src/rule.rs")) {
        let (ours, theirs) = split(file);
        shipped.extend(ours.lines().map(|line| code(line) + "\n"));
        tests.push_str(theirs);
    }
    let mut findings = Vec::new();
    for rule in Rule::ALL {
        let (id, variant) = (rule.id(), format!("Rule::{rule:?}"));
        if !has_id(specification, id) {
            findings.push(format!("{id}: not in SPEC.md"));
        }
        if !has_word(&shipped, &variant) {
            findings.push(format!("{id}: no code refuses with {variant}"));
        }
        if !has_word(&tests, &variant) && !has_id(&tests, id) {
            findings.push(format!("{id}: no test shows it refusing"));
        }
    }
    findings
}

/// What of a file ships, and what of it is test.
fn split(file: &Source) -> (&str, &str) {
    let tests = |part: &std::ffi::OsStr| part == "tests" || part == "attacks" || part == "tests.rs";
    if file.path.iter().any(tests) {
        return ("", &file.text);
    }
    // House style: the tests of a file are its end.
    let start = file.text.find("\n#[cfg(test)]\nmod tests {").unwrap_or(file.text.len());
    file.text.split_at(start)
}

/// Whether `id` stands in `text` and is not a part of a longer id.
fn has_id(text: &str, id: &str) -> bool {
    let part = |c: char| c.is_ascii_uppercase() || c == '-';
    text.match_indices(id).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + id.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small world in which all is well.
    fn world() -> (String, Vec<Source>) {
        let ids: Vec<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
        let variants: Vec<String> = Rule::ALL.iter().map(|rule| format!("refuse(Rule::{rule:?});")).collect();
        let test = format!("{}\n#[cfg(test)]\nmod tests {{\n{}\n}}", variants.join("\n"), ids.join("\n"));
        (ids.join("\n"), vec![Source::new("a/src/a.rs", test)])
    }

    #[test]
    fn a_rule_that_is_not_written_down_not_used_or_not_tested_is_found() {
        let (specification, files) = world();
        assert_eq!(check(&specification, &files, &[]), [""; 0]);
        let missing = specification.replace("IMPORT-SEQ\n", "IMPORT-SEQ-NOT\n");
        assert_eq!(check(&missing, &files, &[]), ["IMPORT-SEQ: not in SPEC.md"]);
        let mut unused = files.clone();
        unused[0].text = unused[0].text.replace("refuse(Rule::ImportSeq);", "// Rule::ImportSeq");
        assert_eq!(check(&specification, &unused, &[]), ["IMPORT-SEQ: no code refuses with Rule::ImportSeq"]);
        let mut untested = files.clone();
        untested[0].text = untested[0].text.replace("\nIMPORT-SEQ\n", "\n");
        assert_eq!(check(&specification, &untested, &[]), ["IMPORT-SEQ: no test shows it refusing"]);
        assert_eq!(check(&specification, &untested, &["expect: IMPORT-SEQ\n\n".into()]), [""; 0]);
        untested.push(Source::new("a/tests/b.rs", "assert_eq!(refused, Rule::ImportSeq);"));
        assert_eq!(check(&specification, &untested, &[]), [""; 0]);
    }

    #[test]
    fn the_list_of_rules_itself_is_no_use_of_them() {
        let (specification, mut files) = world();
        files[0].path = "signer/format/src/rule.rs".into();
        assert_eq!(check(&specification, &files, &[]).len(), Rule::ALL.len() * 2);
    }
}
