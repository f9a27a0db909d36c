use super::*;

fn fault(bytes: &[u8]) -> PathFault {
    EntryPath::parse(bytes).unwrap_err().fault
}

fn character(text: &str) -> BadCharacter {
    match fault(text.as_bytes()) {
        PathFault::Character { kind, .. } => kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_of_many_languages_are_allowed() {
    for name in [
        "a",
        "register/2026/Põhja-Eesti šahtid.žurnaal",
        "Bürgerämter/Straße/Größe.txt",
        "Реестр/недвижимость/Йод.db",
        "토지/등기부",
        "نفوس/سجل",
        "a file with spaces '\"?*<>|:",
        "...",
        ".hidden",
        "emoji 😀",
        "１／２",
    ] {
        let path = EntryPath::parse(name.as_bytes()).unwrap();
        assert_eq!(path.as_str(), name);
    }
}

#[test]
fn parts_of_a_path() {
    let path: EntryPath = "a/b/c".parse().unwrap();
    assert_eq!(path.parent(), Some("a/b"));
    assert_eq!(path.file_name(), "c");
    assert_eq!(path.components().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(path.join(b"d").unwrap().as_str(), "a/b/c/d");
    assert!(path.join(b"..").is_err());
    let top: EntryPath = "a".parse().unwrap();
    assert_eq!((top.parent(), top.file_name()), (None, "a"));
}

#[test]
fn shapes_that_are_refused() {
    assert_eq!(fault(b""), PathFault::EmptyName);
    assert_eq!(fault(b"/etc/passwd"), PathFault::Absolute);
    for empty in ["a/", "a//b", "a/b//"] {
        assert_eq!(fault(empty.as_bytes()), PathFault::Empty, "{empty}");
    }
    for dots in [".", "..", "./a", "a/.", "a/./b", "a/../../b"] {
        assert_eq!(fault(dots.as_bytes()), PathFault::Dots, "{dots}");
    }
    assert_eq!(character("C:\\windows"), BadCharacter::Backslash);
}

#[test]
fn limits_are_exact() {
    let component = "ä".repeat(127) + "x";
    assert_eq!(component.len(), 255);
    assert!(EntryPath::parse(component.as_bytes()).is_ok());
    assert_eq!(fault(format!("{component}x").as_bytes()), PathFault::ComponentTooLong { bytes: 256 });

    let deep = vec!["d"; 64].join("/");
    assert!(EntryPath::parse(deep.as_bytes()).is_ok());
    assert_eq!(fault(format!("{deep}/d").as_bytes()), PathFault::TooDeep);

    let long = vec!["x".repeat(255); 16].join("/");
    assert_eq!(long.len(), 4095);
    assert!(EntryPath::parse(long.as_bytes()).is_ok());
    assert_eq!(fault(&[long.as_bytes(), b"x"].concat()), PathFault::NameTooLong { bytes: 4096 });
}

#[test]
fn characters_that_are_refused() {
    for control in ["a\0b", "a\nb", "\u{1b}[2J", "a\x7f", "a\u{85}", "a\u{9b}31m"] {
        assert_eq!(character(control), BadCharacter::Control, "{control:?}");
    }
    for format in ["a\u{202e}gpj.exe", "\u{2066}x", "a\u{200b}", "a\u{200d}b", "\u{feff}a", "a\u{ad}b", "\u{e0041}"] {
        assert_eq!(character(format), BadCharacter::Format, "{format:?}");
    }
    assert_eq!(character("a\u{2028}b"), BadCharacter::Separator);
    assert_eq!(character("a\u{e000}"), BadCharacter::PrivateUse);
    for unassigned in ["a\u{378}", "a\u{fdd0}", "a\u{ffff}", "\u{10ffff}"] {
        assert_eq!(character(unassigned), BadCharacter::Unassigned, "{unassigned:?}");
    }
}

#[test]
fn encodings_that_are_refused() {
    assert_eq!(fault(b"ok/caf\xe9"), PathFault::NotUtf8 { valid_up_to: 3 });
    assert_eq!(fault(b"\xc0\xaf"), PathFault::NotUtf8 { valid_up_to: 0 });
    assert_eq!(fault(b"\xed\xa0\x80"), PathFault::NotUtf8 { valid_up_to: 0 });
    assert_eq!(fault("Po\u{303}hja".as_bytes()), PathFault::NotNfc);
    assert_eq!(fault("\u{212b}".as_bytes()), PathFault::NotNfc);
}

#[test]
fn an_error_says_which_component_and_is_safe_to_show() {
    let error = EntryPath::parse(b"good/e\x1b[31m\xffvil").unwrap_err();
    assert_eq!(error.number, 2);
    assert_eq!(error.rule(), Rule::ArchiveName);
    assert_eq!(error.to_string(), r#"component 2 ("e\u{1b}[31m\xffvil") of the name is not UTF-8 from its byte 6 on"#);
    let long = EntryPath::parse(&[b'a'; 5000]).unwrap_err().to_string();
    assert!(long.len() < 300, "{long}");
    assert!(
        long.starts_with("the name \"aaa") && long.ends_with("...\" makes 5000 bytes in all, and 4095 are allowed")
    );
    assert_eq!(EntryPath::parse(b"").unwrap_err().to_string(), "the name \"\" is empty");
}

#[test]
fn json_carries_only_checked_paths() {
    assert_eq!(serde_json::from_str::<EntryPath>(r#""a/b""#).unwrap().as_str(), "a/b");
    assert!(serde_json::from_str::<EntryPath>(r#""../b""#).is_err());
    assert_eq!(serde_json::to_string(&EntryPath::parse(b"a/b").unwrap()).unwrap(), r#""a/b""#);
}

fn path(text: &str) -> EntryPath {
    text.parse().unwrap()
}

#[test]
fn names_that_another_reader_would_merge_are_refused() {
    for (first, second) in [
        ("a", "a"),
        ("readme", "README"),
        ("Straße", "STRASSE"),
        ("ﬁle", "FILE"),
        ("Ⅷ", "viii"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("Põhja", "PÕHJA"),
        ("１", "1"),
        ("Å", "å"),
        ("ͅα", "ια"),
        ("Реестр", "реестр"),
    ] {
        let mut names = UniqueNames::new();
        names.add_file(&path(first)).unwrap();
        let error = names.add_directory(&path(second)).unwrap_err();
        assert_eq!(error.rule(), Rule::ArchiveUnique, "{first} {second}");
    }
}

#[test]
fn names_apart_stay_apart() {
    let mut names = UniqueNames::new();
    names.add_directory(&path("a")).unwrap();
    for name in ["a/b", "a\u{ff0f}b", "a/B2", "ab", "o", "õ", "ö", "0"] {
        names.add_file(&path(name)).unwrap();
    }
}

#[test]
fn a_parent_is_a_directory_seen_before_under_exactly_its_name() {
    let mut names = UniqueNames::new();
    names.add_directory(&path("Dir")).unwrap();
    names.add_file(&path("file")).unwrap();
    names.add_directory(&path("Dir/sub")).unwrap();
    names.add_file(&path("Dir/sub/x")).unwrap();
    names.add_file(&path("Dir/sub/y")).unwrap();
    for orphan in ["dir/x", "DIR/x", "file/x", "Dir/x/y", "none/x", "Dir/sub/x/y"] {
        let error = names.add_file(&path(orphan)).unwrap_err();
        assert_eq!(error.rule(), Rule::ArchiveParent, "{orphan}");
        assert_eq!(names.add_directory(&path(orphan)).unwrap_err().rule(), Rule::ArchiveParent);
    }
}

#[test]
fn a_refused_directory_is_no_parent() {
    let mut names = UniqueNames::new();
    names.add_file(&path("A")).unwrap();
    assert_eq!(names.add_directory(&path("a")).unwrap_err().rule(), Rule::ArchiveUnique);
    assert_eq!(names.add_file(&path("a/x")).unwrap_err().rule(), Rule::ArchiveParent);
}

#[test]
fn the_table_keeps_a_million_names() {
    let mut names = UniqueNames::new();
    names.add_directory(&path("d")).unwrap();
    for number in 0..1_000_000 {
        names.add_file(&path(&format!("d/file-{number}"))).unwrap();
    }
    for number in (0..1_000_000).step_by(1000) {
        assert!(names.add_file(&path(&format!("D/FILE-{number}"))).is_err());
        assert!(names.add_file(&path(&format!("d/FILE-{number}"))).is_err());
    }
}
