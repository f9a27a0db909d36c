//! The same by trying: packets that are lost in bursts, through the interleaving.

use super::{Channel, Plan};

/// Numbers at random, the same for the same seed (splitmix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Above 0 and at most 1, in steps of 2^-32.
    fn unit(&mut self) -> f64 {
        let upper = u32::try_from(self.next() >> 32).unwrap_or(0);
        (f64::from(upper) + 1.0) / (f64::from(u32::MAX) + 1.0)
    }

    /// How many times in a row something of this probability does not end: from 1 on.
    fn run(&mut self, end: f64) -> f64 {
        if end >= 1.0 { 1.0 } else { (self.unit().ln() / (-end).ln_1p()).ceil().max(1.0) }
    }
}

/// How many blocks are lost of each of so many windows that are sent one after the other.
#[must_use]
pub fn simulate(plan: Plan, channel: Channel, windows: u32, random: &mut Random) -> Vec<u16> {
    let (start, stay) = channel.transitions(1);
    let (depth, packets) = (u32::from(plan.depth), u32::from(plan.depth) * u32::from(plan.source + plan.repair));
    let mut losses = vec![0_u16; plan.depth.into()];
    let mut lost = Vec::new();
    // What is left of the present run, and whether it is of lost packets.
    let (mut bad, mut left) = (false, random.run(start));
    if random.unit() <= channel.loss {
        (bad, left) = (true, random.run(1.0 - stay));
    }
    for _ in 0..windows {
        losses.fill(0);
        let mut packet = 0_u32;
        while packet < packets {
            let rest = f64::from(packets - packet);
            let run = left.min(rest);
            // A whole number, at most the packets of a window.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 2^27")]
            let count = run as u32;
            if bad {
                for place in packet..packet + count {
                    if let Some(block) = usize::try_from(place % depth).ok().and_then(|block| losses.get_mut(block)) {
                        *block += 1;
                    }
                }
            }
            packet += count;
            left -= run;
            if left < 1.0 {
                bad = !bad;
                left = random.run(if bad { 1.0 - stay } else { start });
            }
        }
        let fallen = losses.iter().filter(|losses| **losses > plan.repair).count();
        // At most the window's blocks.
        lost.push(u16::try_from(fallen).unwrap_or(u16::MAX));
    }
    lost
}
