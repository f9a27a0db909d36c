//! What goes, in which order, and that it is the pouch.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::process::Command;

use pouch_carry::{Bitmap, Decoder};
use pouch_link::announcement::{Announcement, Phase};
use pouch_link::datagram::{Head, Kind, REPAIR};
use pouch_link::send::{Outgoing, Plan, Settings, Share};
use pouch_link::tag::LinkKey;

use crate::pouch::{make, noise, open};
use crate::record::{read, sent};

const SETTINGS: Settings = Settings { largest: 220, depth: None, repair: Share::DEFAULT, rounds: 1 };

fn symbols(read: &[(Head, Vec<u8>)]) -> impl Iterator<Item = &(Head, Vec<u8>)> {
    read.iter().filter(|(head, _)| head.kind == Kind::Symbol)
}

#[test]
fn every_symbol_goes_once_in_a_round_and_repair_is_fresh_in_each() {
    let spool = tempfile::tempdir().unwrap();
    let folder = make(spool.path(), "land-000041", &[600_000, 140_001, 1]);
    let source = open(&folder);
    let plan = Plan::whole(source.length(), &Settings { rounds: 5, ..SETTINGS }).unwrap();
    let (layout, repair) = (*plan.layout(), plan.repair());
    assert_eq!((layout.blocks(), repair), (6, 61));
    let read = read(&sent(Outgoing::new(source, plan), 220, None), None);
    let mut rounds: BTreeMap<u16, BTreeMap<u32, Vec<u16>>> = BTreeMap::new();
    let mut transmissions = BTreeMap::new();
    for (head, _) in symbols(&read) {
        rounds.entry(head.round).or_default().entry(head.block).or_default().push(head.index);
        assert_eq!(*transmissions.entry(head.round).or_insert(head.transmission), head.transmission);
    }
    assert_eq!((rounds.len(), transmissions.values().collect::<BTreeSet<_>>().len()), (5, 5));
    for (round, blocks) in rounds {
        assert_eq!(blocks.len(), 6);
        for (block, indices) in blocks {
            let sources = layout.block(block).unwrap().symbols;
            let first = (round - 1) * repair;
            let wanted = (0..sources).chain((first..first + repair).map(|index| REPAIR | (index % 256)));
            assert!(indices.into_iter().eq(wanted), "round {round}, block {block}");
        }
    }
}

#[test]
fn sequences_have_no_hole_and_announcements_frame_every_round() {
    let spool = tempfile::tempdir().unwrap();
    let source = open(&make(spool.path(), "land-000041", &[5000]));
    let plan = Plan::whole(source.length(), &Settings { rounds: 2, ..SETTINGS }).unwrap();
    // An announcement has 220 bytes, so the datagrams of this link have too.
    let all = read(&sent(Outgoing::new(source, plan.clone()), 1472, None), None);
    for round in 1..=2 {
        let heads: Vec<_> = all.iter().filter(|(head, _)| head.round == round).collect();
        assert!(heads.iter().map(|(head, _)| head.sequence).eq(0..heads.len() as u64));
        let announced = |(head, payload): &&(Head, Vec<u8>)| {
            (head.kind == Kind::Announcement).then(|| Announcement::read(payload, head.stream).unwrap().pass)
        };
        let passes: Vec<_> = heads.iter().map(announced).collect();
        let phases: Vec<_> = passes.iter().flatten().map(|pass| pass.phase).collect();
        assert_eq!(phases[..5], [Phase::Start; 5]);
        assert_eq!(phases[phases.len() - 5..], [Phase::End; 5]);
        assert!(passes[..5].iter().chain(&passes[passes.len() - 5..]).all(Option::is_some));
        let pass = passes[0].unwrap();
        assert_eq!((pass.rounds, pass.blocks, pass.symbols), (2, plan.blocks(), plan.symbols()));
        let count = passes.iter().filter(|pass| pass.is_none()).count();
        assert_eq!(count as u64, pass.symbols);
    }
    assert!(all.iter().any(|(head, _)| head.kind == Kind::Heartbeat));
}

#[test]
fn few_symbols_of_a_block_are_near_each_other() {
    let spool = tempfile::tempdir().unwrap();
    for (blocks, most) in [(64_usize, 66), (66, 64), (131, 64), (150, 64)] {
        let folder =
            make(spool.path(), &format!("land-{blocks:06}"), &[(blocks * (1024 * 128 - 32) - 6144) / 512 * 512]);
        let source = open(&folder);
        let plan = Plan::whole(source.length(), &SETTINGS).unwrap();
        assert_eq!(plan.blocks() as usize, blocks);
        assert!(plan.burst() >= 63 * 64 && (blocks < 66 || plan.burst() >= 64 * 64), "{blocks}: {}", plan.burst());
        let order: Vec<u32> =
            symbols(&read(&sent(Outgoing::new(source, plan), 220, None), None)).map(|(head, _)| head.block).collect();
        let mut within: HashMap<u32, u32> = HashMap::new();
        for (place, block) in order.iter().enumerate() {
            *within.entry(*block).or_default() += 1;
            assert!(within[block] <= most, "{blocks} blocks, datagram {place}");
            if place >= 4095 {
                *within.get_mut(&order[place - 4095]).unwrap() -= 1;
            }
        }
        fs::remove_dir_all(folder).unwrap();
    }
}

/// The stream, from what arrived.
fn decoded(plan: &Plan, outgoing_context: pouch_carry::Context, sent: &[(Head, Vec<u8>)]) -> Vec<u8> {
    let (layout, mut decoder) = (plan.layout(), Decoder::default());
    let symbol = usize::from(layout.shape().symbol());
    let mut stream = Vec::new();
    for number in 0..layout.blocks() {
        let block = layout.block(number).unwrap();
        let (mut bytes, mut have) = (vec![0; usize::from(block.symbols) * symbol], Bitmap::default());
        let mut repair: Vec<(u16, &[u8])> = Vec::new();
        for (head, payload) in symbols(sent).filter(|(head, _)| head.block == number) {
            if head.index & REPAIR == 0 {
                have.set(head.index);
                bytes[usize::from(head.index) * symbol..][..symbol].copy_from_slice(payload);
            } else {
                repair.push((head.index & !REPAIR, payload));
            }
        }
        decoder.decode(&mut bytes, symbol, &have, &repair).unwrap();
        pouch_carry::open(&bytes, &outgoing_context, number).unwrap();
        stream.extend_from_slice(&bytes[..block.payload]);
    }
    stream
}

#[test]
fn what_left_is_the_tar_of_the_pouch_also_after_loss() {
    let spool = tempfile::tempdir().unwrap();
    let folder = make(spool.path(), "land-000041", &[1, 511, 700_000, 512, 3_000_003]);
    for (largest, key) in [(1472, None), (220, Some(LinkKey::new([5; 32]))), (8972, None)] {
        let source = open(&folder);
        let plan = Plan::whole(source.length(), &Settings { largest, ..SETTINGS }).unwrap();
        let outgoing = Outgoing::new(source, plan.clone());
        let context = outgoing.stream().context();
        let all = read(&sent(outgoing, largest, key.clone()), key.as_ref());
        let dice = noise(all.len(), 42);
        let kept: Vec<_> =
            all.into_iter().zip(dice).filter(|(_, dice)| *dice >= 6).map(|(datagram, _)| datagram).collect();
        let tar = decoded(&plan, context, &kept);
        assert_eq!(tar.len() as u64, plan.layout().length());
        let file = spool.path().join("out.tar");
        fs::write(&file, &tar).unwrap();
        let listed = Command::new("tar").arg("tvf").arg(&file).output().unwrap();
        assert!(listed.status.success(), "{listed:?}");
        assert_eq!(String::from_utf8(listed.stdout).unwrap().lines().count(), 8);
        let out = tempfile::tempdir().unwrap();
        assert!(Command::new("tar").arg("xf").arg(&file).arg("-C").arg(out.path()).status().unwrap().success());
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let there = out.path().join("land-000041").join(entry.file_name());
            assert!(fs::read(entry.path()).unwrap() == fs::read(there).unwrap(), "{entry:?}");
        }
    }
}
