//! What goes again for a code.

use pouch_carry::missing::Gaps;
use pouch_link::datagram::{Kind, REPAIR};
use pouch_link::send::{Outgoing, Plan, PlanError, Settings, Share};

use crate::pouch::{make, open};
use crate::record::{read, sent};

const SETTINGS: Settings = Settings { largest: 1472, depth: None, repair: Share::DEFAULT, rounds: 1 };
const LENGTH: u64 = 2_000_000_000;

fn only(gaps: &[(u32, u16)]) -> Plan {
    let gaps = Gaps::new(gaps.iter().copied());
    let (_, gaps) = Gaps::decode(&gaps.encode(7)).unwrap();
    Plan::only(LENGTH, &SETTINGS, &gaps).unwrap()
}

#[test]
fn a_cut_of_the_link_costs_at_most_a_tenth_more_than_was_lost() {
    // Of the window before the cut the end is lost, of the one behind it the beginning.
    for (end, beginning) in [(500, 500), (100, 900), (900, 100), (30, 30), (1020, 1020)] {
        let lacks = |block: u32| match block {
            200..266 => end,
            266..1000 => 1024,
            1000..1066 => beginning,
            _ => 0,
        };
        let gaps: Vec<(u32, u16)> = (200..1066).map(|block| (block, lacks(block))).collect();
        let lost: u64 = gaps.iter().map(|(_, lacks)| u64::from(*lacks) + 64 * u64::from(*lacks == 1024)).sum();
        let plan = only(&gaps);
        assert!(plan.symbols() as f64 <= lost as f64 * 1.1, "{end} {beginning}: {} for {lost}", plan.symbols());
        // And it is enough.
        for (number, (block, lacks)) in (0..).zip(gaps) {
            let parcel = plan.parcel(number, 1).unwrap();
            assert_eq!(parcel.block.number, block);
            let new = match block {
                200..266 => parcel.sources.end.saturating_sub(parcel.sources.start.max(1024 - lacks)),
                1000..1066 => parcel.sources.end.min(lacks + 64).saturating_sub(parcel.sources.start),
                _ => parcel.sources.end,
            };
            assert!(new + parcel.repair >= lacks, "block {block} lacks {lacks}: {parcel:?}");
        }
    }
}

#[test]
fn what_is_lost_here_and_there_comes_back_as_fresh_repair() {
    let plan = only(&[(3, 4), (9, 60), (70, 150), (71, 1024)]);
    let parcels: Vec<_> = (0..4).map(|number| plan.parcel(number, 1).unwrap()).collect();
    let shape = |number: usize| {
        let parcel = &parcels[number];
        (parcel.block.number, parcel.sources.clone(), parcel.first, parcel.repair)
    };
    assert_eq!((shape(0), shape(1)), ((3, 0..0, 249, 7), (9, 0..0, 186, 70)));
    // More than there is fresh repair, before a gap: the end of its window was lost.
    let source = plan.layout().shape().source();
    assert_eq!((shape(2).0, shape(2).1, shape(2).3), (70, source - 206..source, 0));
    assert_eq!(shape(3), (71, 0..source, 192, 64));
    let beyond = Gaps::new([(2_000_000, 3)]);
    assert!(matches!(Plan::only(LENGTH, &SETTINGS, &beyond), Err(PlanError::Block { .. })));
    assert!(matches!(Plan::only(LENGTH, &SETTINGS, &Gaps::default()), Err(PlanError::Nothing)));
}

#[test]
fn only_that_goes() {
    let spool = tempfile::tempdir().unwrap();
    let source = open(&make(spool.path(), "land-000041", &[20_000_000]));
    let plan = Plan::only(source.length(), &SETTINGS, &Gaps::new([(2, 8), (5, 1024)])).unwrap();
    let (symbols, whole) = (plan.symbols(), plan.layout().shape().source());
    let all = read(&sent(Outgoing::new(source, plan), 1472, None), None);
    let mut sent: Vec<(u32, u16)> =
        all.iter().filter(|(head, _)| head.kind == Kind::Symbol).map(|(head, _)| (head.block, head.index)).collect();
    assert_eq!(sent.len() as u64, symbols);
    sent.sort_unstable();
    let few = (245..256).map(|index| (2, REPAIR | index));
    let all = (0..whole).map(|index| (5, index));
    let share = sent.len() - 11 - usize::from(whole);
    let share = (256 - u16::try_from(share).unwrap()..256).map(|index| (5, REPAIR | index));
    assert!(sent.into_iter().eq(few.chain(all).chain(share)));
}

/// A receiver that has got all but `lacks` of each of a window's blocks, and codes over a way that loses every fourth.
fn codes_until_whole(lacks: u16) -> usize {
    let layout = *only(&[(0, 4)]).layout();
    let source = layout.shape().source();
    // By index, repair behind the sources.
    let mut blocks = vec![vec![true; usize::from(source) + 256]; 64];
    for block in &mut blocks {
        block[300..300 + usize::from(lacks)].fill(false);
        block[usize::from(source)..].fill(false);
    }
    let mut noise = crate::pouch::noise(1 << 22, u64::from(lacks)).into_iter();
    for code in 1..20 {
        let needs = blocks.iter().map(|block| {
            let there = |part: &[bool]| u16::try_from(part.iter().filter(|there| **there).count()).unwrap();
            let (sources, repair) = block.split_at(source.into());
            // A code counts on no repair symbol: they are gone if the receiver ends before it comes back.
            let lacks = source - there(sources);
            if there(repair) >= lacks { 0 } else { lacks }
        });
        let gaps = Gaps::new((0..).zip(needs));
        if gaps.is_empty() {
            return code - 1;
        }
        let plan = Plan::only(LENGTH, &SETTINGS, &gaps).unwrap();
        for number in 0..plan.blocks() {
            let parcel = plan.parcel(number, 1).unwrap();
            let repair = (parcel.first..).take(parcel.repair.into()).map(|index| source + index % 256);
            for index in parcel.sources.chain(repair) {
                blocks[parcel.block.number as usize][usize::from(index)] |= noise.next().unwrap() >= 64;
            }
        }
    }
    usize::MAX
}

#[test]
fn codes_come_to_an_end_also_when_the_way_goes_on_losing() {
    for lacks in [3, 40, 120, 180] {
        let codes = codes_until_whole(lacks);
        assert!(codes <= 6, "{lacks}: {codes} codes");
    }
}
