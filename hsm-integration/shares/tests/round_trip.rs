//! What is split comes back from any K shares in any order, and from nothing else.

#![cfg(test)]

use pouch_shares::{CollectError, Collector, CombineError, MAX_SHARES, Plan, Share, ShareError, secrecy::ExposeSecret};
use proptest::{collection::vec, prelude::*, sample::Index};

const LIST: &str = include_str!("../src/words.txt");

fn plan(threshold: u8, count: u8) -> Plan {
    Plan::new(threshold, count).unwrap().with_exponent(0).unwrap()
}

fn text(share: &Share) -> String {
    share.words().collect::<Vec<_>>().join(" ")
}

fn texts(plan: Plan, secret: &[u8], passphrase: &[u8]) -> Vec<String> {
    plan.split(secret, passphrase).unwrap().iter().map(text).collect()
}

fn add(collector: &mut Collector, text: &str) -> Result<usize, CollectError> {
    collector.add(Share::parse(text).unwrap())
}

/// K of N as the standard allows.
fn counts() -> impl Strategy<Value = (u8, u8)> {
    prop_oneof![1 => Just((1, 1)), 9 => (2..=MAX_SHARES).prop_flat_map(|count| (2..=count, Just(count)))]
}

fn secrets() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 16..=64).prop_map(|mut bytes| {
        bytes.truncate(bytes.len() / 2 * 2);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_k_shares_in_any_order_give_the_secret_and_fewer_do_not(
        (threshold, count) in counts(),
        secret in secrets(),
        passphrase in "[ -~]{0,20}",
        exponent in 0u8..=2,
        order in vec(any::<Index>(), 16),
    ) {
        let plan = Plan::new(threshold, count).unwrap().with_exponent(exponent).unwrap();
        let mut texts = texts(plan, &secret, passphrase.as_bytes());
        prop_assert_eq!(texts.len(), usize::from(count));
        let mut collector = Collector::default();
        for missing in (0..usize::from(threshold)).rev() {
            let refused = matches!(collector.secret(b""), Err(CombineError::Incomplete { .. }));
            prop_assert!(refused);
            let at = order[missing].index(texts.len());
            prop_assert_eq!(add(&mut collector, &texts.swap_remove(at)).unwrap(), missing);
        }
        let combined = collector.secret(passphrase.as_bytes()).unwrap();
        prop_assert_eq!(combined.expose_secret(), secret.as_slice());
        // A wrong passphrase cannot be noticed.
        let other = collector.secret(b"something else, longer than 20").unwrap();
        prop_assert_ne!(other.expose_secret(), secret.as_slice());
        for more in &texts {
            prop_assert_eq!(add(&mut collector, more), Err(CollectError::Complete));
        }
    }

    #[test]
    fn nothing_that_is_entered_panics(
        words in vec("[a-z]{0,9}|\\PC{0,6}|academic|zero|[ \t\n]{1,3}", 0..60),
        few in vec(0usize..1024, 20..40),
    ) {
        let _ = Share::parse(&words.join(" "));
        let list: Vec<&str> = LIST.lines().collect();
        let known: Vec<&str> = few.iter().map(|at| list[*at]).collect();
        prop_assert!(Share::parse(&known.join(" ")).is_err());
    }
}

#[test]
fn every_single_mistyped_word_is_found() {
    let list: Vec<&str> = LIST.lines().collect();
    let right = texts(plan(2, 3), b"sixteen bytes ok", b"").remove(1);
    let words: Vec<&str> = right.split(' ').collect();
    for at in 0..words.len() {
        let with = |other: &str| {
            let mut words = words.clone();
            words[at] = other;
            Share::parse(&words.join(" "))
        };
        for other in list.iter().filter(|other| **other != words[at]) {
            assert_eq!(with(other).err(), Some(ShareError::Checksum), "{other} as word {}", at + 1);
        }
        let error = with(&format!("{}y", words[at])).unwrap_err();
        let ShareError::Word { position, .. } = error else { panic!("{error:?}") };
        assert_eq!((position, error.nearest()), (at + 1, Some(words[at])));
        // Exactly, as the text itself has words of the list.
        let wanted = format!("word {position} is not in the word list; compare it with the paper and enter it again");
        assert_eq!(error.to_string(), wanted);
        assert_eq!(format!("{error:?}"), format!("Word {{ position: {position}, nearest: [REDACTED] }}"));
    }
}

#[test]
fn words_left_out_doubled_or_swapped_are_found() {
    let right = texts(plan(2, 3), b"sixteen bytes ok", b"").remove(0);
    let words: Vec<&str> = right.split(' ').collect();
    for at in 0..words.len() {
        let mut fewer = words.clone();
        fewer.remove(at);
        assert_eq!(Share::parse(&fewer.join(" ")).err(), Some(ShareError::TooFew { words: 19 }));
        let mut more = words.clone();
        more.insert(at, words[at]);
        assert!(Share::parse(&more.join(" ")).is_err());
        if at > 0 && words[at] != words[at - 1] {
            let mut swapped = words.clone();
            swapped.swap(at, at - 1);
            assert_eq!(Share::parse(&swapped.join(" ")).err(), Some(ShareError::Checksum));
        }
    }
    assert_eq!(Share::parse("").err(), Some(ShareError::TooFew { words: 0 }));
    assert_eq!(Share::parse(&format!("{right} ").repeat(60)).err(), Some(ShareError::TooMany));
}

#[test]
fn a_share_is_read_in_capitals_shortened_and_over_several_lines() {
    let right = texts(plan(1, 1), b"sixteen bytes ok", b"").remove(0);
    let short: Vec<String> = right.split(' ').map(|word| word[..4].to_uppercase()).collect();
    assert_eq!(text(&Share::parse(&format!("\t{}\n", short.join("\r\n  "))).unwrap()), right);
}

#[test]
fn a_share_of_another_set_is_refused_and_those_before_are_kept() {
    let identifier = |texts: &[String]| Share::parse(&texts[0]).unwrap().identifier();
    let ours = texts(plan(3, 5), b"sixteen bytes ok", b"");
    let other_sets = std::iter::repeat_with(|| texts(plan(3, 5), b"sixteen bytes no", b""));
    // One set in 32768 has the same number.
    let theirs = other_sets.into_iter().find(|theirs| identifier(theirs) != identifier(&ours)).unwrap();
    let (expected, actual) = (identifier(&ours), identifier(&theirs));
    let mut collector = Collector::default();
    assert_eq!(add(&mut collector, &ours[4]), Ok(2));
    assert_eq!(add(&mut collector, &ours[1]), Ok(1));
    assert_eq!(add(&mut collector, &ours[4]), Err(CollectError::Twice { group: 1, number: 5 }));
    assert_eq!(add(&mut collector, &theirs[0]), Err(CollectError::Identifier { expected, actual }));
    assert!(matches!(collector.secret(b""), Err(CombineError::Incomplete { missing: 1 })));
    assert_eq!(add(&mut collector, &ours[0]), Ok(0));
    assert_eq!(collector.secret(b"").unwrap().expose_secret(), b"sixteen bytes ok");
}

#[test]
fn neither_errors_nor_debug_show_a_secret() {
    let secret = b"sixteen bytes ok";
    let shares = plan(2, 3).split(secret, b"").unwrap();
    let mut collector = Collector::default();
    let shown = format!("{shares:?}");
    for share in shares.into_iter().take(2) {
        collector.add(share).unwrap();
    }
    let shown = format!("{shown} {collector:?} {:?}", collector.secret(b"").unwrap());
    assert!(!shown.contains("sixteen") && !shown.contains("115, 105"), "{shown}");
    let error = plan(2, 3).split(b"fifteen bytes!!", b"").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("fifteen"));
}
