//! Wrong command lines, configurations and places, and what changes something.

use std::fs;

use pouch_link::receive::report::Report;
use pouch_platform::{Dir, Lock};

use crate::{STREAM, incomplete, said, with};

#[test]
fn without_a_receiver_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for verb in [&["status"][..], &["missing"], &["discard", "land-000041"], &["status", "--format", "json"]] {
        let refused = said(&[verb, &["--quarantine", &format!("{path}/none")]].concat());
        assert_eq!(refused.code, 69, "{}", refused.err);
        assert!(refused.err.starts_with("error[LINK-STATUS]: no receiver has run on "), "{}", refused.err);
    }
    fs::write(folder.path().join("status.json"), "{}").unwrap();
    let refused = said(&["status", "--quarantine", path, "--format", "json"]);
    assert_eq!((refused.code, &refused.json()["error"]["id"]), (65, &"LINK-STATUS".into()));
}

#[test]
fn wrong_words_are_usage_errors() {
    for (arguments, says) in [
        (&["statsu"][..], "status"),
        (&["check", "--rate", "fast"], "no number such as 950M"),
        (&["check", "--listen", "tcp:1.2.3.4:5"], "begins with"),
        (&["missing", "--qr", "blue"], "dark"),
        (&["discard"], "STREAM"),
    ] {
        let refused = said(arguments);
        assert!(refused.code == 64 && refused.err.contains(says), "{arguments:?}: {}", refused.err);
    }
}

#[test]
fn a_configuration_is_read_strictly() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("receive.toml");
    let path = file.to_str().unwrap();
    for (text, id, says) in [
        ("lisen = []", "CONFIG-KEY", "did you mean \"listen\"?"),
        ("[limits]\nstream = 1", "CONFIG-KEY", "unknown key \"limits.stream\""),
        ("listen = [\"tcp:1\"]", "CONFIG-VALUE", "begins with"),
        ("silence = \"soon\"", "CONFIG-VALUE", "silence"),
        ("then = \"burn\"", "CONFIG-VALUE", "then"),
        ("[limits]\nstream_size = \"0\"", "CONFIG-VALUE", "no number such as"),
    ] {
        fs::write(&file, text).unwrap();
        let refused = said(&["config", "show", "--config", path]);
        assert_eq!(refused.code, 78, "{text}: {}", refused.err);
        assert!(refused.err.contains(&format!("error[{id}]")) && refused.err.contains(says), "{text}: {}", refused.err);
    }
    let missing = said(&["status", "--config", &format!("{path}.none")]);
    assert!(missing.code == 78 && missing.err.contains("CONFIG-READ"), "{}", missing.err);

    fs::write(&file, "listen = [\"ether:eth1\"]\nquarantine = \"q\"\nsilence = \"2m\"\n").unwrap();
    fs::create_dir(folder.path().join("receive.toml.d")).unwrap();
    fs::write(folder.path().join("receive.toml.d/10.toml"), "[limits]\nstream_size = \"1.5T\"\n").unwrap();
    let shown = said(&["config", "show", "--origin", "--config", path]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    for line in
        ["limits.stream_size = \"1.5T\"  # ", "10.toml:2", "limits.share = 90  # default", "silence = \"2m\"  # "]
    {
        assert!(shown.out.contains(line), "{line}: {}", shown.out);
    }
}

#[test]
fn a_stream_is_given_up_only_while_no_receiver_works() {
    let folder = with(&Report { streams: vec![incomplete()], ..Report::default() });
    let path = folder.path().to_str().unwrap();
    let stream = folder.path().join("streams").join(STREAM);
    fs::create_dir_all(&stream).unwrap();
    fs::write(stream.join("stream.tar.part"), [0; 2000]).unwrap();
    let root = Dir::open(folder.path()).unwrap();
    let receiver = Lock::acquire(&root, "lock").unwrap();
    let refused = said(&["discard", STREAM, "--yes-discard", "--quarantine", path]);
    assert!(refused.code == 75 && refused.err.contains("systemctl stop pouch-receive"), "{}", refused.err);
    drop(receiver);
    let refused = said(&["discard", STREAM, "--no-input", "--quarantine", path]);
    assert!(refused.code == 64 && refused.err.contains("error[CONFIRM]") && stream.exists(), "{}", refused.err);
    let unknown = said(&["discard", "ffffffffffffffff", "--yes-discard", "--quarantine", path]);
    assert!(unknown.code == 66 && unknown.err.contains(STREAM), "{}", unknown.err);
    let done = said(&["discard", "land-000041", "--yes-discard", "--quarantine", path, "--format", "json"]);
    assert_eq!((done.code, &done.json()["bytes"]), (0, &2000.into()), "{}", done.err);
    assert!(!stream.exists());
}

#[test]
fn a_check_says_what_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let check = said(&["check", "--listen", "ether:no-such-card", "--quarantine", path, "--format", "json"]);
    assert_eq!(check.code, 3, "{}", check.err);
    let json = check.json();
    let of = |what: &str| json.as_array().unwrap().iter().find(|check| check["what"] == what).unwrap().clone();
    assert_eq!((&of("no-such-card")["verdict"], &of("disk space")["verdict"]), (&"change".into(), &"good".into()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let check = said(&["check", "--quarantine", &format!("{path}/none")]);
    assert_eq!(check.code, 3);
    assert!(check.out.contains("lanes") && check.out.contains("install -d -m 0700"), "{}", check.out);
}

#[test]
fn it_describes_itself() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(said(&["--quiet", "man", folder.path().to_str().unwrap()]).code, 0);
    let page = fs::read_to_string(folder.path().join("pouch-receive-status.1")).unwrap();
    assert!(page.contains("lost_blocks") && page.contains("Exit codes"));
    assert!(said(&["completions", "bash"]).out.contains("discard"));
}
