//! One transfer after the other over one link.

use crate::draw::Plan;
use acceptance::crossing::{Crossing, Outcome};
use acceptance::freight::Freight;
use acceptance::process::run;
use acceptance::truth::Truth;
use pouch_carry::{Layout, Shape};
use pouch_link::receive::report::Progress;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

/// Wire bits a second: little enough that nothing is lost but by the relay.
const RATE: &str = "150M";
/// How long a receiver may take to say what became of a pouch.
const PATIENCE: Duration = Duration::from_secs(30);
/// Codes that may be needed: the symbols that a gap asks for are not always those that are missing.
const CODES: u64 = 4;
/// How often a transfer is tried where this machine is too slow.
const TRIES: u64 = 4;

/// What became of a transfer that went as it must.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) incomplete: bool,
    pub(crate) codes: u64,
    pub(crate) again: u64,
}

/// A link, made when it is first used.
#[derive(Default)]
pub(crate) struct Link {
    /// The link lies in the folder, so it goes first.
    made: Option<(Crossing, TempDir)>,
    /// Pouches so far: no two have the same number.
    pouches: u64,
}

impl Link {
    /// A transfer, until all has arrived.
    pub(crate) fn transfer(&mut self, plan: &Plan) -> Result<Ended, String> {
        for again in 0..TRIES {
            if let Some(ended) = self.attempt(plan)? {
                return Ok(Ended { again, ..ended });
            }
        }
        Err("this machine is too slow".to_owned())
    }

    /// None if the socket of the receiver has overflowed: then nobody knows what was lost.
    fn attempt(&mut self, plan: &Plan) -> Result<Option<Ended>, String> {
        self.pouches += 1;
        let pouches = self.pouches;
        let (link, folder) = self.made()?;
        let folder = folder.path();
        let freight = Freight::make(&folder.join("spool"), &format!("soak-{pouches:06}"), plan.bytes, plan.seed)?;
        let before = overflowed(link)?;
        impair(link, folder, plan)?;
        send(link, &freight, plan)?;
        let name = freight.id.to_string();
        let mut ended = Ended::default();
        if let Outcome::Incomplete(said) = link.outcome(&name, PATIENCE)? {
            link.counts()?;
            if overflowed(link)? != before {
                return Ok(None);
            }
            // Of what one that was killed had not yet written, nothing is known here.
            if plan.kill.is_none() {
                is_exact(&said, plan, &folder.join("passed"))?;
            }
            ended.incomplete = true;
            ended.codes = completed(link, &freight, *said)?;
        }
        let file = link.arrived(&name, PATIENCE)?;
        freight.check(&file)?;
        let removed = [fs::remove_file(&file), fs::remove_dir_all(&freight.folder)];
        removed.into_iter().collect::<Result<(), _>>().map_err(|error| error.to_string())?;
        Ok(Some(ended))
    }

    fn made(&mut self) -> Result<&mut (Crossing, TempDir), String> {
        if self.made.is_none() {
            let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
            let mut link = Crossing::create(&folder.path().join("link"), &[])?;
            link.receive(&[])?;
            self.made = Some((link, folder));
        }
        self.made.as_mut().ok_or_else(|| "there is no link".to_owned())
    }
}

/// Datagrams that the receiver's socket lost.
fn overflowed(link: &Crossing) -> Result<u64, String> {
    let report = link.report_of(|_| true, PATIENCE)?;
    Ok(report.lanes.iter().map(|lane| lane.overflowed).sum())
}

/// Puts the plan's relay in. It records, so that a later one can replay it.
fn impair(link: &mut Crossing, folder: &Path, plan: &Plan) -> Result<(), String> {
    link.counts()?;
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let mut words = plan.relay.clone();
    words.extend(["--passed".to_owned(), path("passed")]);
    let recorded = folder.join("recorded").exists();
    if plan.replay && recorded {
        words.extend(["--replay".to_owned(), path("recorded")]);
    } else {
        words.extend(["--record".to_owned(), path("recorded")]);
    }
    link.impair(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Sends it, and kills the receiver meanwhile if the plan says so.
fn send(link: &mut Crossing, freight: &Freight, plan: &Plan) -> Result<(), String> {
    let mut send = link.send()?;
    send.args(["--rate", RATE]).args(&plan.sender).arg(&freight.folder);
    let Some(after) = plan.kill else { return run(&mut send).map(drop) };
    let mut sending = send.stdout(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    std::thread::sleep(after);
    link.kill_receiver();
    link.receive(&[])?;
    let status = sending.wait().map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("pouch-send: {status}"));
    }
    // It may have known nothing of the stream any more, or never: the announcement of a later pass says it.
    send_again(link, freight)
}

fn send_again(link: &mut Crossing, freight: &Freight) -> Result<(), String> {
    run(link.send()?.args(["--rate", RATE]).arg(&freight.folder)).map(drop)
}

/// Whether what is said to be missing is what did not pass.
fn is_exact(said: &Progress, plan: &Plan, passed: &Path) -> Result<(), String> {
    let shape = Shape::new(1408, 1024).map_err(|error| error.to_string())?;
    let layout = Layout::even(shape, said.length).map_err(|error| error.to_string())?;
    let symbols = |number| layout.block(number).map_or(0, |block| block.symbols);
    let truth = Truth::read([passed])?;
    if !plan.poisoned {
        return truth.matches(said, symbols).map_err(|error| format!("INEXACT: {error}"));
    }
    // Besides what was lost, blocks with wrong symbols are collected again: no less is missing, and all that is has a code.
    let stream = u64::from_str_radix(&said.stream, 16).map_err(|error| error.to_string())?;
    let lacking = truth.lacking(stream, symbols, said.blocks).len() as u64;
    let missing = u64::from(said.blocks - said.complete);
    if (lacking..=lacking + said.flawed).contains(&missing) && said.missing.is_some() {
        return Ok(());
    }
    Err(format!("INEXACT: {missing} are missing, {lacking} were lost and {} flawed", said.flawed))
}

/// Completes it over a wire that is well; gives how many codes it took.
fn completed(link: &mut Crossing, freight: &Freight, mut said: Progress) -> Result<u64, String> {
    link.impair(&[])?;
    for codes in 1..=CODES {
        let code = said.missing.take().ok_or("there is no code")?;
        run(link.send()?.args(["--rate", RATE, "--only", &code]).arg(&freight.folder))?;
        match link.outcome(&freight.id.to_string(), PATIENCE)? {
            Outcome::Arrived(_) => return Ok(codes),
            Outcome::Incomplete(again) => said = *again,
        }
    }
    Err(format!("INCOMPLETE after {CODES} codes: {said:?}"))
}
