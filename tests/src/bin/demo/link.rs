//! The gap between home and embassy: a link that goes one way and loses datagrams.

use crate::pouch::Pouch;
use crate::{done, heading, say, step};
use acceptance::crossing::Crossing;
use acceptance::place::Place;
use acceptance::process::run;
use pouch_console::size;
use serde_json::Value;
use std::time::{Duration, Instant};

/// What the wire does: each fiftieth datagram is lost, in bursts.
const IMPAIRMENTS: [&str; 6] = ["--seed", "7", "--loss", "2%", "--bursts", "20"];

/// Wire bits a second: what two cores that carry both ends and the bad wire between them do without losses of their own.
const RATE: &str = "400M";

/// How long a pouch may take after it was sent.
const PATIENCE: Duration = Duration::from_secs(20);

/// Carries the pouches over, each sent once and never asked for again.
pub(crate) fn cross(place: &Place, pouches: &mut [Pouch]) -> Result<(), String> {
    heading(
        "Carry: over a one-way link that loses 2 % of its datagrams in bursts; nothing goes back, nothing is sent twice",
    );
    let mut link = Crossing::create(&place.path("link"), &IMPAIRMENTS)?;
    step("embassy", &format!("receiver started; {}", link.way()), || link.receive(&[]))?;
    for pouch in pouches {
        let started = Instant::now();
        run(link.send()?.args(["--rate", RATE]).arg(&pouch.folder))?;
        pouch.arrived = link.arrived(&pouch.name, PATIENCE)?;
        let report = link.report_of(|report| report.arrived.iter().any(|one| one.pouch == pouch.name), PATIENCE)?;
        let arrived = report.arrived.into_iter().rfind(|one| one.pouch == pouch.name).unwrap_or_default();
        let (length, lost, repaired) = (size(arrived.length), arrived.lost, arrived.repaired);
        let what = format!("{length} arrived; {lost} datagrams lost, {repaired} pieces repaired, 0 missing");
        done(&pouch.name, &what, started);
    }
    let sent = link.frames_sent()?;
    let counts = link.counts()?;
    tell(&counts, sent)
}

/// What the bad wire did, as it says itself.
fn tell(counts: &Value, sent_back: Option<u64>) -> Result<(), String> {
    let count = |name: &str| counts.get(name).and_then(Value::as_u64).ok_or_else(|| format!("no {name} in {counts}"));
    let (datagrams, lost, bursts, longest) =
        (count("received")?, count("lost")?, count("bursts")?, count("longest_burst")?);
    say(&format!(
        "  wire             of {datagrams} datagrams it lost {lost} in {bursts} bursts, the longest of {longest} in a row"
    ));
    match sent_back {
        None => Ok(()),
        Some(0) => {
            say("  wire             frames that the receiver's end sent: 0");
            Ok(())
        }
        Some(frames) => Err(format!("the receiver's end of the link sent {frames} frames")),
    }
}
