//! The TOML table of a source.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pouch_capture::Source;

fn read(text: &str) -> Result<Source, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn each_source_has_its_keys() {
    assert!(matches!(read("source = 'directory'\npath = '/srv'"), Ok(Source::Directory(_))));
    assert!(matches!(read("source = 'command'\nargv = ['a', 'b']"), Ok(Source::Command(_))));
    let Ok(Source::Postgresql(server)) = read("source = 'postgresql'") else { unreachable!() };
    assert!(server.count_rows && server.conninfo.0.is_empty());
    let Ok(Source::Postgresql(server)) = read("source = 'postgresql'\nconninfo = 'host=a'\ncount_rows = false") else {
        unreachable!()
    };
    assert!(!server.count_rows && server.conninfo.0 == "host=a");
}

#[test]
fn unknown_keys_and_sources_are_fatal() {
    for text in [
        "",
        "source = 'oracle'",
        "source = 'directory'",
        "source = 'directory'\npath = '/srv'\nfollow = true",
        "source = 'command'\nargv = 'tar c'",
        "source = 'command'\nargv = ['a']\nshell = true",
        "source = 'postgresql'\npassword = 'x'",
        "path = '/srv'",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn a_connection_string_is_not_shown() {
    let source = read("source = 'postgresql'\nconninfo = 'password=hunter2'").unwrap();
    assert!(!format!("{source:?}").contains("hunter2"));
    let error = source.check().unwrap_err();
    assert_eq!(error.to_string(), "conninfo holds a password");
    assert!(error.hint().unwrap().contains("~/.pgpass"));
}
