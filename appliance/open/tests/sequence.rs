//! The order of pouches: rollback, replay, fork, gap, fast-forward; and no clock has a say in it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::{Refusal, World, clock, import_at, snapshot};
use jiff::Timestamp;
use pouch_format::Sha256Digest;
use pouch_open::{AdmitError, Clock, State, receipt, reopen};

/// A world that admitted pouches 1 to 3 of `land`; the digests, from that of pouch 1.
fn three() -> (World, Vec<Sha256Digest>) {
    let world = World::new();
    let mut digests: Vec<Sha256Digest> = Vec::new();
    for sequence in 1..=3 {
        digests.push(world.import_next(sequence, digests.last().copied(), sequence == 1));
    }
    (world, digests)
}

#[test]
fn the_first_pouch_needs_the_digest_of_its_dispatch_note() {
    let world = World::new();
    let draft = world.draft(41, Some(Sha256Digest([9; 32])));
    let source = world.source("pouch", &draft);
    let refusal = world.refuses(&source, "IMPORT-FIRST");
    assert_eq!(
        refusal.to_string(),
        "pouch 41 is the first of registry \"land\" here; the digest from the dispatch note is needed"
    );
    let before = snapshot::of(world.root.path());
    let wrong = world.import(&source, Some(Sha256Digest([1; 32]))).map(|_| ()).unwrap_err();
    assert_eq!(wrong.rule(), "IMPORT-FIRST");
    snapshot::assert_same(world.root.path(), &before);
    // Read out in words, whatever its number.
    let spoken: Sha256Digest = draft.digest().words().parse().unwrap();
    let kept = world.import(&source, Some(spoken)).unwrap();
    let receipt = receipt(&kept);
    assert_eq!((receipt.pouch.as_str(), receipt.manifest), ("land-000041", draft.digest()));
    assert_eq!((receipt.words.clone(), receipt.as_of), (draft.digest().words(), draft.manifest.as_of));
    assert_eq!(receipt.kept_at, clock().now());
    // The digest of a first pouch admits no other.
    let next = world.draft(43, Some(Sha256Digest([8; 32])));
    let gap = world.import(&world.source("next", &next), Some(next.digest())).map(|_| ()).unwrap_err();
    assert_eq!(gap.rule(), "IMPORT-GAP");
}

#[test]
fn a_replay_is_told_apart_and_harms_nothing() {
    let (world, digests) = three();
    let source = world.path("good-3");
    let refusal = world.refuses(&source, "IMPORT-REPLAY");
    assert_eq!(refusal.to_string(), format!("pouch 3 of registry \"land\" is already here since {}", clock().now()));
    // Also in place of the next one, as its own predecessor, or re-signed.
    let again = world.draft(3, Some(digests[1]));
    assert_eq!(again.digest(), digests[2]);
    world.refuses(&world.source("re-signed", &again), "IMPORT-REPLAY");
}

#[test]
fn rollback_is_refused() {
    let (world, _) = three();
    for old in [1, 2] {
        let refusal = world.refuses(&world.path(&format!("good-{old}")), "IMPORT-SEQ");
        assert_eq!(refusal.to_string(), format!("pouch {old} of registry \"land\" is not newer than pouch 3"));
    }
    // With the digest of a first pouch in hand, too.
    let first = world.draft(1, None);
    let refusal = world.import(&world.path("good-1"), Some(first.digest())).map(|_| ()).unwrap_err();
    assert_eq!(refusal.rule(), "IMPORT-SEQ");
}

#[test]
fn forks_are_refused() {
    let (world, digests) = three();
    // The newest number with other content.
    let mut other = world.draft(3, Some(digests[1]));
    other.manifest.rpo_seconds = 1;
    let refusal = world.refuses(&world.source("other", &other), "IMPORT-FORK");
    assert!(refusal.to_string().contains(&digests[2].to_string()), "{refusal}");
    // The next number with another past: none of ours, an older one, or that of another fork.
    for previous in [Sha256Digest([3; 32]), digests[0], digests[1], other.digest()] {
        let next = world.draft(4, Some(previous));
        let refusal = world.refuses(&world.source(&format!("past-{previous}"), &next), "IMPORT-FORK");
        assert!(refusal.to_string().contains("admitted before it"), "{refusal}");
    }
    world.import_next(4, Some(digests[2]), false);
}

#[test]
fn gaps_are_refused_and_named() {
    let (world, digests) = three();
    let told = |sequence| {
        let draft = world.draft(sequence, Some(digests[2]));
        world.refuses(&world.source(&format!("gap-{sequence}"), &draft), "IMPORT-GAP").to_string()
    };
    assert_eq!(told(5), "pouch 5 of registry \"land\" does not follow pouch 3: pouch 4 is missing");
    assert_eq!(told(9), "pouch 9 of registry \"land\" does not follow pouch 3: pouches 4 to 8 are missing");
    // Fast-forward to the largest number there is; beyond it there is no manifest.
    assert!(told(1 << 53).ends_with("pouches 4 to 9007199254740991 are missing"));
    for beyond in [(1 << 53) + 1, (1 << 63) - 1, 1 << 63, u64::MAX] {
        let draft = world.draft(beyond, Some(digests[2]));
        world.refuses(&world.source(&format!("beyond-{beyond}"), &draft), "MANIFEST-RANGE");
    }
}

#[test]
fn the_largest_number_is_the_last() {
    let world = World::new();
    let last = world.import_first(1 << 53);
    let source = world.source("beyond", &world.draft((1 << 53) + 1, Some(last)));
    world.refuses(&source, "MANIFEST-RANGE");
    world.refuses(&world.source("old", &world.draft(7, Some(last))), "IMPORT-SEQ");
}

#[test]
fn registries_have_sequences_of_their_own() {
    let (world, _) = three();
    let ships = world.draft(2, Some(Sha256Digest([9; 32]))).registry("ships");
    let source = world.source("ships", &ships);
    world.refuses(&source, "IMPORT-FIRST");
    assert!(world.import(&source, Some(ships.digest())).is_ok());
    let state = world.state();
    let heads: Vec<_> = state.ledger().heads().iter().map(|(name, head)| (name.as_str(), head.sequence)).collect();
    assert_eq!(heads, [("land", 3), ("ships", 2)]);
    let kept = world.vault().registries().unwrap();
    assert_eq!(kept.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["land", "ships"]);
}

#[test]
fn the_time_of_sealing_never_goes_back() {
    let (world, digests) = three();
    let mut back = world.draft(4, Some(digests[2]));
    let last = world.draft(3, Some(digests[1])).manifest.sealed_at;
    back.manifest.sealed_at = Timestamp::from_second(last.as_second() - 1).unwrap();
    let refusal = world.refuses(&world.source("back", &back), "IMPORT-TIME");
    assert_eq!(
        refusal.to_string(),
        "pouch 4 of registry \"land\" was sealed at 2026-03-03T23:59:59Z, before the pouch before it of 2026-03-04T00:00:00Z"
    );
    // The same second is no step back.
    back.manifest.sealed_at = last;
    assert!(world.import(&world.source("same", &back), None).is_ok());
}

#[test]
fn nothing_was_sealed_before_this_software() {
    // Keys of then, so that nothing but the floor is in the way.
    use common::keys;
    let floor = pouch_open::BUILD_FLOOR.as_second();
    let cert = keys::builder(sequoia_openpgp::cert::CipherSuite::Cv25519, sequoia_openpgp::Profile::RFC9580)
        .set_creation_time(keys::system_time(floor - 1000))
        .add_signing_subkey()
        .generate()
        .unwrap()
        .0;
    let world = World::with(vec![cert], 1);
    let mut draft = world.draft(1, None);
    draft.manifest.sealed_at = Timestamp::from_second(floor - 1).unwrap();
    let before = snapshot::of(&world.path("vault"));
    let refusal = world.import(&world.source("before", &draft), Some(draft.digest())).map(|_| ()).unwrap_err();
    assert_eq!(refusal.rule(), "IMPORT-TIME");
    snapshot::assert_same(&world.path("vault"), &before);
    draft.manifest.sealed_at = Timestamp::from_second(floor).unwrap();
    assert!(world.import(&world.source("then", &draft), Some(draft.digest())).is_ok());
}

#[test]
fn the_local_clock_decides_nothing() {
    let at = |text: &str| Clock::at(text.parse().unwrap());
    // Jumping to and fro, from the epoch to the end of 32 bits.
    let clocks = [
        "1970-01-01T00:00:00Z",
        "2106-02-07T06:28:16Z",
        "2026-03-02T00:00:00Z",
        "1999-12-31T23:59:59Z",
        "2038-01-19T03:14:08Z",
    ];
    let verdicts = |shift: usize| {
        let world = World::new();
        let (vault, trust) = (world.vault(), world.trust());
        let mut state = State::open(&world.places(), &vault).unwrap();
        let one = world.draft(1, None);
        let two = world.draft(2, Some(one.digest()));
        let mut fork = world.draft(2, Some(one.digest()));
        fork.manifest.rpo_seconds = 1;
        let mut back = world.draft(3, Some(two.digest()));
        back.manifest.sealed_at = one.manifest.sealed_at;
        let four = world.draft(4, Some(two.digest()));
        let mut turn = shift;
        [&one, &two, &one, &two, &fork, &back, &four]
            .iter()
            .enumerate()
            .map(|(n, draft)| {
                let source = world.source(&format!("pouch-{n}"), draft);
                turn += 1;
                let clock = at(clocks[turn % clocks.len()]);
                match import_at(&source, &trust, &vault, &mut state, (n == 0).then(|| one.digest()), clock) {
                    Ok(_) => "taken",
                    Err(refusal) => refusal.rule(),
                }
            })
            .collect::<Vec<_>>()
    };
    let expected = ["taken", "taken", "IMPORT-SEQ", "IMPORT-REPLAY", "IMPORT-FORK", "IMPORT-TIME", "IMPORT-GAP"];
    for shift in 0..clocks.len() {
        assert_eq!(verdicts(shift), expected);
    }
}

#[test]
fn what_is_judged_is_what_is_admitted() {
    let (world, digests) = three();
    let source = world.source("next", &world.draft(4, Some(digests[2])));
    let checked = world.check(&source).unwrap();
    let state = world.state();
    assert_eq!(pouch_open::judge(&checked, state.ledger(), None), Ok(()));
    let old = world.check(&world.path("good-1")).unwrap();
    let refused = pouch_open::judge(&old, state.ledger(), None);
    assert!(matches!(refused, Err(AdmitError::NotNewer { sequence: 1, newest: 3, .. })), "{refused:?}");
}

#[test]
fn an_admission_holds_for_the_state_that_gave_it() {
    // Two pouches of one number are admitted side by side, through two vaults; only the first is kept.
    let (world, digests) = three();
    let mut state = world.state();
    let other_vault = pouch_vault::Vault::open_local(world.path("other-vault")).unwrap();
    let mut fork = world.draft(4, Some(digests[2]));
    fork.manifest.rpo_seconds = 1;
    let next = world.draft(4, Some(digests[2]));
    let admitted = |name: &str, draft: &common::Draft, vault: &pouch_vault::Vault| {
        let source = world.source(name, draft);
        let spooled = pouch_open::Source::open(source).and_then(pouch_open::spool).unwrap();
        pouch_open::admit(pouch_open::verify(spooled, &world.trust(), vault).unwrap(), &state, None, clock()).unwrap()
    };
    let one = admitted("one", &next, &world.vault());
    let other = admitted("other", &fork, &other_vault);
    assert!(pouch_open::keep(one, &world.vault(), &mut state).is_ok());
    let late = pouch_open::keep(other, &other_vault, &mut state).map(|_| ()).map_err(Refusal::Keep).unwrap_err();
    assert_eq!(late.rule(), "IMPORT-STATE");
}

#[test]
fn kept_pouches_are_taken_up_again_only_as_admitted() {
    let (world, digests) = three();
    let vault = world.vault();
    let state = world.state();
    for (n, digest) in digests.iter().enumerate() {
        let id = format!("land-{:06}", n + 1).parse().unwrap();
        let reopened = reopen(&vault, state.ledger(), &id).unwrap();
        assert_eq!((reopened.digest(), reopened.manifest().id()), (*digest, id));
    }
    for never in ["land-000004", "ships-000001"] {
        let error = reopen(&vault, state.ledger(), &never.parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), format!("pouch {never} was never admitted"));
    }
    // Somebody slips another soundly signed pouch into the vault's disk.
    let mut other = world.draft(2, Some(digests[0]));
    other.manifest.rpo_seconds = 1;
    std::fs::write(world.path("vault/land/000002/manifest.json"), other.manifest.to_bytes()).unwrap();
    for older in ["land-000001", "land-000002"] {
        let error = reopen(&vault, state.ledger(), &older.parse().unwrap()).unwrap_err();
        assert_eq!(error.rule().map(pouch_format::Rule::id), Some("IMPORT-FORK"), "{error}");
    }
    assert!(reopen(&vault, state.ledger(), &"land-000003".parse().unwrap()).is_ok());
}

#[test]
fn a_certificate_counts_in_its_period_alone() {
    let world = World::new();
    let draft = world.draft(1, None);
    let source = world.source("pouch", &draft);
    let sealed = draft.manifest.sealed_at;
    let second = jiff::SignedDuration::from_secs(1);
    let path = world.path("trust/trust.toml");
    let sound = std::fs::read_to_string(&path).unwrap();
    let with = |line: &str| {
        std::fs::write(&path, sound.replacen("[[certificate]]\n", &format!("[[certificate]]\n{line}\n"), 1))
    };
    for (line, words) in [
        (format!("until = \"{}\"", sealed - second), "lets its certificate sign until"),
        (format!("from = \"{}\"", sealed + second), "lets its certificate sign from"),
    ] {
        with(&line).unwrap();
        let refusal = world.import(&source, Some(draft.digest())).unwrap_err();
        assert!(refusal.to_string().contains(words), "{refusal}");
    }
    with(&format!("from = \"{sealed}\"\nuntil = \"{sealed}\"")).unwrap();
    world.import(&source, Some(draft.digest())).unwrap();
}
