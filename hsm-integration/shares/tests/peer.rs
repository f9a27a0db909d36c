//! An independent implementation reads what we make, and we read what it makes: pip's shamir-mnemonic.

#![cfg(test)]

use std::io::Write;
use std::process::{Command, Stdio};

use pouch_shares::{CollectError, Collector, Plan, Share, secrecy::ExposeSecret};
use serde_json::{Value, json};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer.py");
/// Where `make tools` puts it.
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/python");

fn ask(request: &Value) -> Value {
    assert!(
        std::path::Path::new(PEER).join("shamir_mnemonic").is_dir(),
        "no shamir_mnemonic in {PEER}; run: make tools"
    );
    let mut peer = Command::new("python3")
        .args(["-I", "-B", SCRIPT, PEER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    peer.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    let output = peer.wait_with_output().unwrap();
    assert!(output.status.success(), "shamir-mnemonic failed, see above");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn secret(bytes: u8) -> Vec<u8> {
    (0..bytes).map(|n| n.wrapping_mul(83) ^ 0xc5).collect()
}

#[test]
fn the_peer_combines_what_we_split() {
    for (threshold, count, bytes, exponent, passphrase) in [
        (1, 1, 16, 0, ""),
        (2, 3, 32, 1, ""),
        (3, 5, 20, 0, "a \"quoted\" ~ phrase"),
        (16, 16, 64, 2, "x"),
        (5, 16, 18, 1, "TREZOR"),
    ] {
        let secret = secret(bytes);
        let plan = Plan::new(threshold, count).unwrap().with_exponent(exponent).unwrap();
        let texts: Vec<String> = plan
            .split(&secret, passphrase.as_bytes())
            .unwrap()
            .iter()
            .map(|share| share.words().collect::<Vec<_>>().join(" "))
            .collect();
        let first = &texts[..usize::from(threshold)];
        let last = &texts[texts.len() - usize::from(threshold)..];
        for some in [first, last] {
            let answer = ask(&json!({"verb": "combine", "shares": some, "passphrase": passphrase}));
            assert_eq!(answer, hex(&secret), "{threshold} of {count}, {bytes} bytes");
        }
    }
}

#[test]
fn we_combine_what_the_peer_splits() {
    type Set<'a> = (u8, &'a [(u8, u8)], u8, bool, u8, &'a str);
    let sets: [Set<'_>; 6] = [
        (1, &[(1, 1)], 16, true, 0, ""),
        (1, &[(2, 3)], 32, false, 1, "TREZOR"),
        (1, &[(16, 16)], 64, true, 0, "~ \" '"),
        (2, &[(1, 1), (2, 3), (3, 5)], 26, true, 1, "x"),
        (3, &[(1, 1), (1, 1), (2, 2), (4, 16)], 16, false, 0, ""),
        (16, &[(1, 1); 16], 20, true, 0, ""),
    ];
    for (needed, groups, bytes, extendable, exponent, passphrase) in sets {
        let answer = ask(&json!({
            "verb": "split", "group_threshold": needed, "groups": groups, "secret": hex(&secret(bytes)),
            "passphrase": passphrase, "extendable": extendable, "exponent": exponent,
        }));
        let mut collector = Collector::default();
        let given = answer.as_array().unwrap();
        // The last groups and their last shares are the interpolated ones.
        for (texts, (threshold, _)) in given.iter().zip(groups).rev().take(usize::from(needed)) {
            let shares = texts.as_array().unwrap().iter().rev().take(usize::from(*threshold));
            for share in shares {
                let share = Share::parse(share.as_str().unwrap()).unwrap();
                assert_eq!(
                    (share.is_extendable(), share.exponent(), share.threshold()),
                    (extendable, exponent, *threshold)
                );
                collector.add(share).unwrap();
            }
        }
        assert_eq!(collector.missing(), 0);
        assert_eq!(collector.secret(passphrase.as_bytes()).unwrap().expose_secret(), secret(bytes));
    }
}

#[test]
fn what_is_missing_of_several_groups_is_said() {
    let answer = ask(&json!({
        "verb": "split", "group_threshold": 2, "groups": [[2, 3], [3, 4], [1, 1]], "secret": hex(&secret(16)),
        "passphrase": "", "extendable": true, "exponent": 0,
    }));
    let share = |group: usize, member: usize| Share::parse(answer[group][member].as_str().unwrap()).unwrap();
    let mut collector = Collector::default();
    // Nobody knows yet how many the other groups take: at least one more.
    assert_eq!(collector.add(share(0, 2)), Ok(2));
    assert_eq!(collector.add(share(0, 0)), Ok(1));
    assert_eq!(collector.add(share(0, 1)), Err(CollectError::GroupComplete { group: 1, threshold: 2 }));
    assert_eq!(collector.add(share(1, 3)), Ok(1));
    assert_eq!(collector.add(share(1, 3)), Err(CollectError::Twice { group: 2, number: 4 }));
    assert_eq!(collector.add(share(2, 0)), Ok(0));
    assert_eq!(collector.add(share(1, 0)), Err(CollectError::Complete));
    assert_eq!(collector.secret(b"").unwrap().expose_secret(), secret(16));
}
