//! A clean wire: how fast, and what it takes. Ours, and lidi's where it is there, in turns.

use crate::data::Data;
use crate::ends::{Transfer, transfer};
use crate::lidi::Lidi;
use crate::say;
use crate::target::{Target, round};
use acceptance::netns::{End, Wire};
use serde_json::{Value, json};
use std::path::Path;

/// Rates that are tried; the first at which every round is complete is taken: without feedback a sender must be told.
const RATES: [&str; 11] = ["14G", "12G", "10G", "9G", "8G", "7G", "6G", "5G", "4G", "3G", "2G"];
/// The rate of a usual link, at which the price of pacing shows.
const USUAL: &str = "1G";
/// What lidi 2.1.1 did on two cores when the targets were set, over loopback, in Gb/s; by MTU. Not measured here.
const DOCUMENTED: [(u32, [f64; 2]); 2] = [(1500, [1.1, 1.25]), (9000, [2.0, 2.5])];

/// What is carried, and between where.
pub(crate) struct Clean<'a> {
    pub(crate) data: &'a Data,
    /// lidi, and the file that it carries.
    pub(crate) lidi: Option<(Lidi, &'a Path)>,
    pub(crate) rounds: usize,
    /// Where quarantines are made.
    pub(crate) folder: &'a Path,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) rows: Vec<Value>,
    pub(crate) targets: Vec<Target>,
    /// What stands beside figures that were not measured in this run.
    pub(crate) documented: Vec<Value>,
}

impl Clean<'_> {
    /// Measures at an MTU, where the goodput is to be `times` lidi's.
    pub(crate) fn measure(&self, mtu: u32, times: f64, outcome: &mut Outcome) -> Result<(), String> {
        let wire = Wire::create(mtu)?;
        let (rate, ours) = self.fastest(&wire, mtu)?;
        let fast = summary(&ours, self.data);
        outcome.rows.push(fast.row("pouch", mtu, rate));
        outcome.targets.push(Target::at_most(format!("receiver's peak MiB, MTU {mtu}"), 64.0, fast.memory));
        self.beside(&wire, mtu, times, fast.goodput, outcome)?;
        let usual = summary(&[self.ours(&wire, mtu, USUAL)?], self.data);
        outcome.rows.push(usual.row("pouch", mtu, USUAL));
        if mtu == 1500 {
            for (rate, summary) in [(rate, &fast), (USUAL, &usual)] {
                let name = |who: &str| format!("CPU s per Gbit, {who}, MTU {mtu}, at {rate}");
                outcome.targets.push(Target::at_most(name("sender"), 0.20, summary.send));
                outcome.targets.push(Target::at_most(name("receiver"), 0.20, summary.receive));
            }
        }
        outcome.targets.push(silent(&wire, &format!("frames sent by the receiver, MTU {mtu}"))?);
        Ok(())
    }

    fn ours(&self, wire: &Wire, mtu: u32, rate: &str) -> Result<Transfer, String> {
        transfer(wire, self.data, self.folder, &["--rate", rate, "--mtu", &mtu.to_string()])
    }

    /// The fastest rate at which all rounds are complete, and those rounds.
    fn fastest(&self, wire: &Wire, mtu: u32) -> Result<(&'static str, Vec<Transfer>), String> {
        for rate in RATES {
            let mut transfers = Vec::new();
            while transfers.len() < self.rounds {
                let one = self.ours(wire, mtu, rate)?;
                if !one.right {
                    say(&format!("MTU {mtu}: at {rate} round {} was not complete", transfers.len() + 1));
                    break;
                }
                transfers.push(one);
            }
            if transfers.len() == self.rounds {
                return Ok((rate, transfers));
            }
        }
        Err(format!("MTU {mtu}: no rate carries everything in every round"))
    }

    /// The same by lidi, or what is known of it.
    fn beside(&self, wire: &Wire, mtu: u32, times: f64, ours: f64, outcome: &mut Outcome) -> Result<(), String> {
        let name = format!("goodput over lidi's, MTU {mtu}");
        if let Some((lidi, file)) = &self.lidi {
            let theirs = (0..self.rounds).map(|_| lidi.transfer(wire, file, mtu, self.folder));
            let theirs = summary(&theirs.collect::<Result<Vec<_>, _>>()?, self.data);
            outcome.rows.push(theirs.row("lidi", mtu, "its own"));
            outcome.targets.push(Target::at_least(name, times, ours / theirs.goodput));
            return Ok(());
        }
        for (_, [least, most]) in DOCUMENTED.iter().filter(|(known, _)| *known == mtu) {
            say(&format!(
                "{name}: lidi was NOT MEASURED in this run (LIDI names no folder); documented are {least} to {most} Gb/s, of \
                 which {ours:.2} is {:.1} to {:.1} times; asked for are {times} times",
                ours / most,
                ours / least
            ));
            outcome.documented.push(json!({
                "name": name, "measured": false, "documented_gbit_s": [least, most], "gbit_s": round(ours),
                "times": [round(ours / most), round(ours / least)], "at_least": times,
            }));
        }
        Ok(())
    }
}

/// Medians of several transfers.
struct Summary {
    /// Gb/s; none if one was not complete.
    goodput: f64,
    /// CPU seconds per Gbit.
    send: f64,
    receive: f64,
    /// Peak MiB of the receiver, the worst.
    memory: f64,
    send_memory: f64,
    /// Share of the processors that was not ours.
    others: f64,
}

fn summary(transfers: &[Transfer], data: &Data) -> Summary {
    // Sizes are far below 2^53.
    let gbit = data.size.to_string().parse::<f64>().unwrap_or(f64::NAN) * 8e-9;
    let of = |figure: &dyn Fn(&Transfer) -> f64| median(transfers.iter().map(figure));
    let worst = |figure: &dyn Fn(&Transfer) -> f64| transfers.iter().map(figure).fold(0.0, f64::max);
    Summary {
        goodput: of(&|one| if one.right { gbit / one.seconds } else { f64::NAN }),
        send: of(&|one| one.send.cpu / gbit),
        receive: of(&|one| one.receive.cpu / gbit),
        memory: worst(&|one| one.receive.memory),
        send_memory: worst(&|one| one.send.memory),
        others: of(&|one| one.others),
    }
}

impl Summary {
    fn row(&self, who: &str, mtu: u32, rate: &str) -> Value {
        say(&format!(
            "{who:<6} MTU {mtu} at {rate}: {:>5.2} Gb/s, CPU s/Gbit {:.3} sending {:.3} receiving, peak MiB {:.0} and {:.0}; \
             others had {:.0} % of the processors",
            self.goodput,
            self.send,
            self.receive,
            self.send_memory,
            self.memory,
            self.others * 100.0
        ));
        json!({
            "who": who, "mtu": mtu, "rate": rate, "gbit_s": round(self.goodput), "send_cpu_s_gbit": round(self.send),
            "receive_cpu_s_gbit": round(self.receive), "send_mib": round(self.send_memory), "receive_mib": round(self.memory),
            "others": round(self.others),
        })
    }
}

/// That the receiver's interface has sent nothing.
pub(crate) fn silent(wire: &Wire, name: &str) -> Result<Target, String> {
    let sent = u32::try_from(wire.frames(End::Receiver)?.sent).unwrap_or(u32::MAX);
    Ok(Target::at_most(name, 0.0, f64::from(sent)))
}

/// The middle value; not a number if there is none, or if one is not.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_none() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < f64::EPSILON);
        assert!(median([1.0, f64::NAN].into_iter()).is_nan() && median([].into_iter()).is_nan());
    }
}
