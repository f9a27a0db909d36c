//! The rules of the house, as a test: which way imports point, what lies where, how long a file may be, and that every rule
//! of the format is written down, obeyed and tested.
//!
//! Each check is a function from what it looks at to the list of what is wrong, and has a test that shows it failing.

#![cfg(test)]

mod imports;
mod layout;
mod modules;
mod package;
mod rules;
mod source;

use package::Workspace;
use source::Source;

/// Fails with all findings at once: who repairs them wants to see them together.
fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n  {}", findings.len(), findings.join("\n  "));
}

#[test]
fn imports_point_the_right_way() {
    let workspace = Workspace::read();
    assert_none(&imports::check(&workspace.packages));
    assert_none(&imports::check_locked(&workspace.read_text("Cargo.lock")));
}

#[test]
fn the_top_folder_holds_what_is_prescribed_and_nothing_else() {
    let workspace = Workspace::read();
    assert_none(&layout::check(&layout::entries(&workspace.root)));
}

#[test]
fn every_source_file_belongs_to_a_target_and_keeps_its_side() {
    let workspace = Workspace::read();
    for package in &workspace.packages {
        let files = source::rust_files(&package.folder);
        assert_none(&modules::orphans(package, &files));
        assert_none(&modules::library_sides(package, &files));
    }
}

#[test]
fn sources_keep_the_rules_of_text() {
    let workspace = Workspace::read();
    let files: Vec<Source> =
        workspace.packages.iter().flat_map(|package| source::rust_files(&package.folder)).collect();
    assert!(files.len() > 50, "only {} files were found", files.len());
    for file in &files {
        source::warn_of_length(file);
    }
    assert_none(&files.iter().flat_map(source::check).collect::<Vec<_>>());
}

#[test]
fn every_rule_of_the_format_is_written_down_obeyed_and_tested() {
    let workspace = Workspace::read();
    let specification = workspace.read_text("signer/format/SPEC.md");
    let files: Vec<Source> =
        workspace.packages.iter().flat_map(|package| source::rust_files(&package.folder)).collect();
    let vectors = source::texts(&workspace.root.join("tests/vectors"));
    assert_none(&rules::check(&specification, &files, &vectors));
}
