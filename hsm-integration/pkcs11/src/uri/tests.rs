//! The examples of RFC 7512 section 3, our refusals, and a round trip of arbitrary values.

use super::*;
use proptest::prelude::*;

fn parsed(text: &str) -> Uri {
    Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn rfc_7512_section_3_examples() {
    assert_eq!(parsed("pkcs11:"), Uri::default());

    let uri = parsed("pkcs11:object=my-pubkey;type=public");
    assert_eq!((uri.object(), uri.object_type()), (Some("my-pubkey"), Some(ObjectType::Public)));

    let uri = parsed("pkcs11:object=my-key;type=private?pin-source=file:/etc/token");
    assert_eq!(uri.pin_source(), Some("file:/etc/token"));

    let uri = parsed(
        "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;\
         object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin",
    );
    assert_eq!(uri.token(), Some("The Software PKCS#11 Softtoken"));
    assert_eq!(uri.0.manufacturer.as_deref(), Some("Snake Oil, Inc."));
    assert_eq!(uri.serial(), Some(""));
    assert_eq!(uri.id(), Some(&[0x69, 0x95, 0x3e, 0x5c, 0xf4, 0xbd, 0xec, 0x91][..]));

    let uri = parsed("pkcs11:object=my-sign-key;type=private?module-name=mypkcs11");
    assert_eq!(uri.module_name(), Some("mypkcs11"));

    let uri = parsed("pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1");
    assert_eq!(uri.module_path(), Some("/mnt/libmypkcs11.so.1"));

    let uri = parsed("pkcs11:slot-description=Sun%20Metaslot");
    assert_eq!(uri.0.slot_description.as_deref(), Some("Sun Metaslot"));

    let uri = parsed(
        "pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;library-description=Soft%20Token%20Library;\
         library-version=1.23",
    );
    assert_eq!(uri.0.library_version, Some((1, 23)));

    let uri =
        parsed("pkcs11:token=My%20token%25%20created%20by%20Joe;library-version=3;id=%01%02%03%Ba%dd%Ca%fe%04%05%06");
    assert_eq!(uri.token(), Some("My token% created by Joe"));
    assert_eq!(uri.0.library_version, Some((3, 0)));
    assert_eq!(uri.id(), Some(&[1, 2, 3, 0xba, 0xdd, 0xca, 0xfe, 4, 5, 6][..]));

    let uri = parsed("pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my-certificate;type=cert");
    assert_eq!(uri.token(), Some("A name with a substring %;"));

    let uri =
        parsed("pkcs11:token=Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1;object=my-certificate;type=cert");
    assert_eq!(uri.token(), Some("Name with a small A with acute: \u{e1}"));
}

#[test]
fn rfc_7512_examples_refused_here() {
    let pin = "pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil,%20Inc.?pin-value=the-pin";
    let error = Uri::parse(pin).unwrap_err();
    assert_eq!(error, UriError::PinValue);
    assert!(!format!("{error} {error:?}").contains("the-pin"));

    let vendor = "pkcs11:token=my-token;object=my-certificate;type=cert;vendor-aaa=value-a\
                  ?pin-source=file:/etc/token_pin&vendor-bbb=value-b";
    assert_eq!(Uri::parse(vendor), Err(UriError::Unknown { name: "vendor-aaa".into() }));
}

#[test]
fn refusals() {
    let cases = [
        ("", "does not start"),
        ("http://example.org", "does not start"),
        ("pkcs11:token", "name=value"),
        ("pkcs11:;", "name=value"),
        ("pkcs11:token=a;", "name=value"),
        ("pkcs11:=a", "name=value"),
        ("pkcs11:token=a;token=a", "twice"),
        ("pkcs11:?module-path=/a&module-path=/a", "twice"),
        ("pkcs11:token=a b", "percent-encoded"),
        ("pkcs11:token=%2", "percent-encoded"),
        ("pkcs11:token=%zz", "percent-encoded"),
        ("pkcs11:token=%ff", "percent-encoded"),
        ("pkcs11:token=a/b", "percent-encoded"),
        ("pkcs11:token=a#frag", "percent-encoded"),
        ("pkcs11:objct=a", "unknown attribute"),
        ("pkcs11:pin-source=file:/a", "unknown attribute"),
        ("pkcs11:PIN-VALUE=1234", "carries a PIN"),
        ("pkcs11:?Pin-Value=1234", "carries a PIN"),
        ("pkcs11:type=key", "public, private"),
        ("pkcs11:slot-id=-1", "decimal"),
        ("pkcs11:slot-id=", "decimal"),
        ("pkcs11:slot-id=18446744073709551616", "decimal"),
        ("pkcs11:library-version=256", "version"),
        ("pkcs11:library-version=1.", "version"),
        ("pkcs11:?module-path=lib.so", "absolute"),
        ("pkcs11:?module-name=../evil", "without a directory"),
        ("pkcs11:?module-name=a&module-path=/a", "both module-name and module-path"),
        ("pkcs11:?", "name=value"),
    ];
    for (text, expected) in cases {
        let error = Uri::parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let long = format!("pkcs11:token={}", "a".repeat(5000));
    assert!(matches!(Uri::parse(&long), Err(UriError::TooLong { actual: 5013, limit: 4096 })));
}

#[test]
fn the_scheme_is_case_insensitive() {
    assert_eq!(parsed("PKCS11:object=a").object(), Some("a"));
}

prop_compose! {
    fn any_uri()(
        texts in prop::collection::vec(prop::option::of(".{0,40}"), 9),
        version in prop::option::of(any::<(u8, u8)>()),
        slot_id in prop::option::of(any::<u64>()),
        id in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        object_type in prop::option::of(prop::sample::select(vec![
            ObjectType::Public, ObjectType::Private, ObjectType::Certificate, ObjectType::SecretKey, ObjectType::Data,
        ])),
        pin_source in prop::option::of("file:/.{0,40}"),
        module_path in prop::option::of("/[^\0]{0,40}"),
    ) -> Uri {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().flatten();
        Uri(Box::new(Attributes {
            token: next(), manufacturer: next(), serial: next(), model: next(), library_manufacturer: next(),
            library_description: next(), slot_manufacturer: next(), slot_description: next(), object: next(),
            library_version: version, slot_id, object_type, id, pin_source, module_name: None, module_path,
        }))
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(uri in any_uri()) {
        let text = uri.to_string();
        prop_assert!(text.is_ascii());
        prop_assert_eq!(Uri::parse(&text).unwrap(), uri);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(pkcs11:)?.{0,200}") {
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert_eq!(Uri::parse(&uri.to_string()).unwrap(), uri);
        }
    }
}
