//! What a transfer is, drawn from its seed.

use acceptance::relay::Random;
use std::fmt;
use std::time::Duration;

/// A transfer.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Bytes of the pouch.
    pub(crate) bytes: usize,
    /// What the sender is told.
    pub(crate) sender: Vec<String>,
    /// What the relay is told.
    pub(crate) relay: Vec<String>,
    /// Whether symbols with wrong bytes come under right checksums: then more may be missing than was lost.
    pub(crate) poisoned: bool,
    /// Whether an earlier transfer is replayed.
    pub(crate) replay: bool,
    /// When the receiver is killed, after the sender has begun.
    pub(crate) kill: Option<Duration>,
}

impl Plan {
    /// The transfer of this seed.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed, 77);
        // From 1 KiB to 6 MiB, small ones as often as large ones.
        let scale = 1_usize << random.below(13);
        let bytes = 512 * scale + random.index(1024 * scale);
        let repair = ["0%", "1%", "6.25%", "6.25%", "12.5%", "25%"];
        let pick =
            |random: &mut Random, of: &[&str]| of.get(random.index(of.len())).map_or("", |word| *word).to_owned();
        let mut sender = vec!["--repair".to_owned(), pick(&mut random, &repair)];
        sender.extend(["--interleave".to_owned(), pick(&mut random, &["1", "2", "4", "64"])]);
        sender.extend(["--rounds".to_owned(), pick(&mut random, &["1", "1", "2"])]);
        let symbols = bytes as u64 / 1408 + 100;
        let mut plan = Self {
            seed,
            bytes,
            sender,
            relay: vec!["--seed".to_owned(), seed.to_string()],
            poisoned: false,
            replay: false,
            kill: None,
        };
        for _ in 0..random.below(4) {
            plan.impair(&mut random, symbols);
        }
        if random.chance(0.08) {
            plan.kill = Some(Duration::from_millis(random.below(400)));
        }
        plan
    }

    /// One more impairment, unless there is one of its kind.
    fn impair(&mut self, random: &mut Random, symbols: u64) {
        let share = |random: &mut Random, most: u64| format!("{}%", random.below(most * 100) as f64 / 100.0);
        let at = random.below(symbols);
        let (flag, value) = match random.below(14) {
            0..=2 => ("--loss", share(random, 20)),
            3 => {
                if !self.has("--loss") {
                    self.add("--loss", share(random, 10));
                }
                ("--bursts", (1 + random.below(200)).to_string())
            }
            4 => ("--burst", format!("{}@{at}", 1 + random.below(symbols))),
            5 => ("--cut", format!("{}ms@{at}", random.below(300))),
            6 => ("--mtu", format!("{}@{at}", 300 + random.below(1_300))),
            7 => ("--duplicate", share(random, 50)),
            8 => ("--reorder", share(random, 30)),
            9 => ("--corrupt", share(random, 10)),
            10 => ("--truncate", share(random, 10)),
            11 => ("--foreign", (1 + random.below(3)).to_string()),
            12 => ("--forge", (1 + random.below(10)).to_string()),
            _ => {
                self.replay = true;
                ("--corrupt-sealed", share(random, 1))
            }
        };
        if !self.has(flag) {
            self.poisoned |= flag == "--corrupt-sealed";
            self.add(flag, value);
        }
    }

    fn has(&self, flag: &str) -> bool {
        self.relay.iter().any(|word| word == flag)
    }

    fn add(&mut self, flag: &str, value: String) {
        self.relay.extend([flag.to_owned(), value]);
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sender, relay) = (self.sender.join(" "), self.relay.join(" "));
        let kill = self.kill.map(|after| format!(" killed after {} ms", after.as_millis())).unwrap_or_default();
        let replay = if self.replay { " replay" } else { "" };
        write!(f, "seed {}: {} bytes, {sender}; {relay}{replay}{kill}", self.seed, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_transfer() {
        assert_eq!(Plan::draw(5).to_string(), Plan::draw(5).to_string());
        let plans: Vec<Plan> = (0..500).map(Plan::draw).collect();
        for flag in ["--loss", "--bursts", "--burst", "--cut", "--mtu", "--truncate", "--corrupt-sealed", "--forge"] {
            assert!(plans.iter().any(|plan| plan.has(flag)), "{flag}");
        }
        assert!(plans.iter().any(|plan| plan.kill.is_some()) && plans.iter().any(|plan| plan.relay.len() == 2));
        assert!(plans.iter().all(|plan| (512..7 << 20).contains(&plan.bytes)));
    }
}
