//! Pouches of chance over links of chance, one after the other: `soak-link [--transfers N] [--seed FIRST] [--jobs N]`. Each
//! transfer follows from its seed alone, so one that failed is repeated by `soak-link --transfers 1 --seed SEED`. Ends with
//! one line of JSON, and badly if a wrong byte arrived, or what was said to be missing was not exactly that.

mod draw;
mod transfer;

use draw::Plan;
use serde::Serialize;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use transfer::{Ended, Link};

/// What was asked for.
struct Words {
    transfers: u64,
    seed: u64,
    jobs: u64,
}

/// What came of all transfers.
#[derive(Debug, Default, Serialize)]
struct Tally {
    transfers: u64,
    /// Bytes of the pouches.
    bytes: u64,
    /// Arrived without further help.
    arrived: u64,
    /// Did not, and what was missing was named exactly.
    incomplete: u64,
    /// Of those, completed by codes.
    completed: u64,
    /// Codes that took.
    codes: u64,
    /// Transfers whose receiver was killed.
    killed: u64,
    /// Tried again since this machine was too slow to tell.
    again: u64,
    /// Seeds of the transfers that failed.
    failed: Vec<u64>,
    seconds: f64,
}

fn main() -> ExitCode {
    let Some(words) = words(std::env::args().skip(1)) else {
        say("usage: soak-link [--transfers N] [--seed FIRST] [--jobs N]");
        return ExitCode::from(64);
    };
    let (started, next, tally) = (Instant::now(), AtomicU64::new(0), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..words.jobs {
            scope.spawn(|| work(&words, &next, &tally));
        }
    });
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.seconds = started.elapsed().as_secs_f64();
    say(&serde_json::to_string(&tally).unwrap_or_else(|error| error.to_string()));
    ExitCode::from(u8::from(!tally.failed.is_empty() || tally.transfers < words.transfers))
}

fn words(mut arguments: impl Iterator<Item = String>) -> Option<Words> {
    let mut words = Words { transfers: 1000, seed: 1, jobs: 2 };
    while let Some(flag) = arguments.next() {
        let number = arguments.next()?.parse().ok()?;
        match flag.as_str() {
            "--transfers" => words.transfers = number,
            "--seed" => words.seed = number,
            "--jobs" => words.jobs = number,
            _ => return None,
        }
    }
    Some(words)
}

/// Transfers over one link until there are enough.
fn work(words: &Words, next: &AtomicU64, tally: &Mutex<Tally>) {
    let mut link = Link::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= words.transfers {
            return;
        }
        let seed = words.seed + number;
        let plan = Plan::draw(seed);
        let ended = link.transfer(&plan);
        if ended.is_err() {
            // The next one is not to suffer for it.
            link = Link::default();
        }
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.add(&plan, ended);
    }
}

impl Tally {
    fn add(&mut self, plan: &Plan, ended: Result<Ended, String>) {
        self.transfers += 1;
        self.bytes += plan.bytes as u64;
        self.killed += u64::from(plan.kill.is_some());
        let outcome = match ended {
            Ok(ended) => {
                self.again += ended.again;
                self.codes += ended.codes;
                self.incomplete += u64::from(ended.incomplete);
                self.completed += u64::from(ended.codes > 0);
                self.arrived += u64::from(ended.codes == 0);
                match ended.codes {
                    0 => "arrived".to_owned(),
                    codes => format!("incomplete, exactly named, completed by {codes} codes"),
                }
            }
            Err(error) => {
                self.failed.push(plan.seed);
                format!("FAILED: {error}")
            }
        };
        say(&format!("{plan}: {outcome}"));
    }
}

/// Where nobody listens there is nothing to do about it.
fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}
