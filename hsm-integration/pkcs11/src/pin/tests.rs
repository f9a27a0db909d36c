//! PIN sources, file modes and retry flags.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn status() -> TokenStatus {
    TokenStatus {
        label: "home".into(),
        manufacturer: "Maker".into(),
        model: "M1".into(),
        serial: "4711".into(),
        slot: 0,
        pin: PinState::Good,
        so_pin: PinState::Good,
        pin_set: true,
        pin_length: (4, 8),
        login_required: true,
        pinpad: false,
        write_protected: false,
        fault: false,
    }
}

/// A human who gives one answer and counts the questions.
struct Human {
    answer: Option<&'static str>,
    asked: u32,
    pinpad: u32,
}

impl PinPrompt for Human {
    fn ask(&mut self, _: &TokenStatus) -> io::Result<Option<SecretString>> {
        self.asked += 1;
        Ok(self.answer.map(SecretString::from))
    }

    fn announce_pinpad(&mut self, _: &TokenStatus) -> io::Result<()> {
        self.pinpad += 1;
        Ok(())
    }
}

fn pin_file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pin");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (directory, path)
}

fn from_file(content: &[u8], mode: u32) -> Result<String, LoginError> {
    let (_directory, path) = pin_file(content, mode);
    let source = format!("file:{}", path.display());
    let pin = obtain(&status(), Some(&source), &mut LoginOptions::default())?;
    Ok(pin.unwrap().expose_secret().to_owned())
}

#[test]
fn one_trailing_newline_is_removed() {
    assert_eq!(from_file(b"123456", 0o600).unwrap(), "123456");
    assert_eq!(from_file(b"123456\n", 0o400).unwrap(), "123456");
    assert_eq!(from_file(b"123456\r\n", 0o600).unwrap(), "123456");
    assert_eq!(from_file(b" 1234 \n", 0o600).unwrap(), " 1234 ", "spaces belong to the PIN");
}

#[test]
fn what_is_no_pin_is_refused() {
    for content in [&b""[..], b"\n", b"\r\n", b"1234\n\n", b"1234\n5678\n", b"12\x0034", b"12\xff34", &[b'1'; 300]] {
        let error = from_file(content, 0o600).unwrap_err();
        assert!(matches!(error, LoginError::Form { .. }), "{content:?}: {error}");
    }
    for content in [&b"123"[..], b"123456789"] {
        let error = from_file(content, 0o600).unwrap_err();
        assert!(matches!(error, LoginError::Length { min: 4, max: 8, .. }), "{error}");
        assert!(!error.to_string().contains("123"), "{error}");
    }
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    for mode in [0o640, 0o604, 0o660, 0o777, 0o610] {
        let error = from_file(b"123456", mode).unwrap_err();
        assert!(matches!(error, LoginError::FileMode { mode: found, .. } if found == mode), "{error}");
        assert!(error.to_string().contains(&format!("{mode:04o}")), "{error}");
    }
}

#[test]
fn only_files_are_sources() {
    for source in ["|/bin/echo 1234", "1234", "file:pin", "file://host/pin", "/etc/pin", "env:PIN", "file:/a\0b", ""] {
        let error = obtain(&status(), Some(source), &mut LoginOptions::default()).unwrap_err();
        assert!(matches!(error, LoginError::Source { .. }), "{source:?}: {error}");
    }
    assert_eq!(file_of("file:/etc/pin").unwrap(), Path::new("/etc/pin"));
    assert_eq!(file_of("file:///etc/pin").unwrap(), Path::new("/etc/pin"));
}

#[test]
fn a_missing_file_and_a_directory_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    for path in [directory.path().join("none"), directory.path().to_owned()] {
        let source = format!("file:{}", path.display());
        let error = obtain(&status(), Some(&source), &mut LoginOptions::default()).unwrap_err();
        assert!(matches!(error, LoginError::File { .. }), "{error}");
    }
}

#[test]
fn a_credential_is_found_by_name_only() {
    let (directory, _path) = pin_file(b"123456", 0o440);
    let base = Some(directory.path().as_os_str().to_owned());
    let path = credential(base.clone(), "pin").unwrap();
    assert_eq!(read_pin(&path, Access::Credential).unwrap().expose_secret(), "123456");
    for name in ["other", "", "../pin", "./pin", ".pin"] {
        assert_eq!(credential(base.clone(), name), None, "{name:?}");
    }
    assert_eq!(credential(None, "pin"), None);
}

#[test]
fn the_human_is_asked_last_and_once() {
    let mut human = Human { answer: Some("654321"), asked: 0, pinpad: 0 };
    let (_directory, path) = pin_file(b"123456", 0o600);
    let source = format!("file:{}", path.display());
    let mut options = LoginOptions { credential: "none", prompt: Some(&mut human), ..Default::default() };
    let pin = obtain(&status(), Some(&source), &mut options).unwrap().unwrap();
    assert_eq!(pin.expose_secret(), "123456");
    let pin = obtain(&status(), None, &mut options).unwrap().unwrap();
    assert_eq!(pin.expose_secret(), "654321");
    assert_eq!(human.asked, 1);

    let mut human = Human { answer: None, asked: 0, pinpad: 0 };
    let mut options = LoginOptions { credential: "none", prompt: Some(&mut human), ..Default::default() };
    assert!(matches!(obtain(&status(), None, &mut options), Err(LoginError::GivenUp { .. })));
    let mut options = LoginOptions { credential: "none", ..Default::default() };
    assert!(matches!(obtain(&status(), None, &mut options), Err(LoginError::NoPin { .. })));
}

#[test]
fn a_pinpad_beats_every_file() {
    let status = TokenStatus { pinpad: true, ..status() };
    let mut human = Human { answer: Some("654321"), asked: 0, pinpad: 0 };
    let mut options = LoginOptions { prompt: Some(&mut human), ..Default::default() };
    assert!(obtain(&status, Some("file:/nonexistent"), &mut options).unwrap().is_none());
    assert_eq!((human.asked, human.pinpad), (0, 1));
    assert!(matches!(obtain(&status, None, &mut LoginOptions::default()), Err(LoginError::NoPin { .. })));
}

#[test]
fn retry_flags_decide_whether_to_try() {
    let with = |pin| TokenStatus { pin, ..status() };
    assert!(assert_safe_to_try(&with(PinState::Good), false).is_ok());
    assert!(assert_safe_to_try(&with(PinState::CountLow), false).is_ok());
    assert!(matches!(assert_safe_to_try(&with(PinState::FinalTry), false), Err(LoginError::FinalTry { .. })));
    assert!(assert_safe_to_try(&with(PinState::FinalTry), true).is_ok());
    for allowed in [false, true] {
        assert!(matches!(assert_safe_to_try(&with(PinState::Locked), allowed), Err(LoginError::Locked { .. })));
    }
    let unset = TokenStatus { pin_set: false, ..status() };
    assert!(matches!(assert_safe_to_try(&unset, true), Err(LoginError::NotSet { .. })));
    let fault = TokenStatus { fault: true, ..status() };
    assert!(matches!(assert_safe_to_try(&fault, true), Err(LoginError::Fault { .. })));
}
