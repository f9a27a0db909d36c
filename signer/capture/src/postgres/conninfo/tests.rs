use super::*;

fn resolve(conninfo: &str, environment: &[(&str, &str)]) -> Result<Settings, ConninfoError> {
    let find = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    Settings::resolve(conninfo, &find)
}

#[test]
fn string_beats_environment_beats_default() {
    let settings =
        resolve("host=a.example port=1 user = 'Jaan \\'J\\' Tamm'", &[("PGPORT", "2"), ("PGDATABASE", "land")])
            .unwrap();
    assert_eq!(settings.host, Host::Tcp { name: "a.example".into(), address: None });
    assert_eq!((settings.port, settings.user.as_str(), settings.database.as_str()), (1, "Jaan 'J' Tamm", "land"));
    let settings = resolve("", &[]).unwrap();
    assert_eq!(settings.host, Host::Socket(SOCKET_DIRECTORY.into()));
    assert_eq!((settings.port, settings.database.as_str(), settings.tls), (5432, "postgres", TlsMode::Prefer));
    assert!(!settings.user.is_empty());
}

#[test]
fn sockets_and_addresses() {
    let settings = resolve("host=/tmp/x port=77 user=u", &[]).unwrap();
    assert_eq!(settings.socket_path().unwrap(), Path::new("/tmp/x/.s.PGSQL.77"));
    assert_eq!(settings.to_string(), "/tmp/x, port 77");
    let settings = resolve("hostaddr=127.0.0.1 user=u", &[]).unwrap();
    assert_eq!(settings.host, Host::Tcp { name: "127.0.0.1".into(), address: Some("127.0.0.1".into()) });
    assert!(matches!(resolve("host=a,b user=u", &[]), Err(ConninfoError::Value { key: "host", .. })));
}

#[test]
fn tls_modes() {
    let mode = |text: &str| resolve(text, &[]).map(|settings| settings.tls);
    assert_eq!(mode("user=u sslmode=require"), Ok(TlsMode::Require));
    assert_eq!(mode("user=u sslmode=require sslrootcert=/ca.pem"), Ok(TlsMode::VerifyCa));
    assert_eq!(mode("user=u sslmode=verify-full"), Ok(TlsMode::VerifyFull));
    assert!(matches!(mode("user=u sslmode=allow"), Err(ConninfoError::Value { key: "sslmode", .. })));
}

#[test]
fn a_password_is_refused_and_not_repeated() {
    for text in ["password=hunter2", "host=a password = 'hunter2'", "sslpassword=hunter2"] {
        let error = resolve(text, &[]).unwrap_err();
        assert_eq!(error, ConninfoError::Password);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[test]
fn faults_are_told() {
    use ConninfoError as E;
    assert!(matches!(resolve("postgresql://a/b", &[]), Err(E::Syntax { at: 0, .. })));
    assert!(matches!(resolve("host", &[]), Err(E::Syntax { at: 0, .. })));
    assert!(matches!(resolve("host=a =b", &[]), Err(E::Syntax { at: 7, .. })));
    assert!(matches!(resolve("host='a", &[]), Err(E::Syntax { at: 7, .. })));
    assert!(matches!(resolve("host=a\\", &[]), Err(E::Syntax { at: 7, .. })));
    assert_eq!(resolve("hosts=a", &[]), Err(E::Key { key: "hosts".into() }));
    assert_eq!(resolve("host=a host=b", &[]), Err(E::Twice { key: "host" }));
    assert!(matches!(resolve("port=70000", &[]), Err(E::Value { key: "port", .. })));
    assert_eq!(resolve("user=u", &[("PGSERVICE", "x")]), Err(E::Service));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*|[a-z= '\\\\]*") {
        let _ = resolve(&text, &[]);
    }

    #[test]
    fn every_value_can_be_quoted(value in "[^\0]{1,40}") {
        let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
        let settings = resolve(&format!("user=u dbname='{quoted}' port=1"), &[]).unwrap();
        proptest::prop_assert_eq!((settings.database, settings.port), (value, 1));
    }
}
