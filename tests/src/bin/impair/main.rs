//! A bad wire between two UDP sockets: `impair --listen ADDRESS:PORT --to ADDRESS:PORT [IMPAIRMENT...]`. Nothing ever goes
//! back. When it ends it says in one line of JSON what it did.

mod outgoing;
mod words;

use acceptance::relay::{Relay, wire};
use outgoing::Outgoing;
use pouch_platform::net::{UdpListen, UdpReceiver};
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use words::Words;

/// After so long without a datagram, those that wait to be overtaken go out.
const IDLE: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let words = match words::parse(std::env::args().skip(1)) {
        Ok(words) => words,
        Err(message) => {
            let _ = writeln!(io::stderr(), "impair: {message}\n{}", words::USAGE);
            return ExitCode::from(64);
        }
    };
    match run(words).and_then(|line| writeln!(io::stdout(), "{line}").map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(io::stderr(), "impair: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut words: Words) -> Result<String, String> {
    if let Some(path) = &words.replay {
        words.settings.replay = wire::recording(path)?;
    }
    let recorder = |path: &PathBuf| File::create(path).map(|file| BufWriter::with_capacity(1 << 20, file));
    let recorder = |path: &Option<PathBuf>| path.as_ref().map(recorder).transpose().map_err(unrecorded);
    let mut record = recorder(&words.record)?;
    let listen = UdpListen::on(words.listen);
    let mut incoming = UdpReceiver::open(&listen).map_err(|error| error.to_string())?;
    let mut outgoing = Outgoing::to(words.to, recorder(&words.passed)?)?;
    let closed = Arc::new(AtomicBool::new(false));
    if words.until_closed {
        let closed = Arc::clone(&closed);
        std::thread::spawn(move || {
            let _ = io::stdin().read_to_end(&mut Vec::new());
            closed.store(true, Ordering::Relaxed);
        });
    }
    let mut relay = Relay::new(words.settings.clone());
    let started = Instant::now();
    let mut last = None;
    loop {
        let now = started.elapsed();
        let over =
            |limit: Option<Duration>, since: Duration| limit.is_some_and(|limit| now.saturating_sub(since) >= limit);
        if closed.load(Ordering::Relaxed)
            || over(words.lasts, Duration::ZERO)
            || last.is_some_and(|last| over(words.quiet, last))
        {
            break;
        }
        if words.flood {
            relay.noise(&mut |datagram| outgoing.send(datagram));
            continue;
        }
        let mut came = false;
        for datagram in incoming.receive(IDLE).map_err(|error| error.to_string())? {
            came = true;
            relay.pass(datagram, now, &mut |datagram| outgoing.send(datagram));
            if let Some(record) = &mut record {
                keep(record, datagram).map_err(unrecorded)?;
            }
        }
        if came {
            last = Some(now);
        } else {
            relay.flush(&mut |datagram| outgoing.send(datagram));
        }
        outgoing.flush();
    }
    relay.flush(&mut |datagram| outgoing.send(datagram));
    outgoing.end().map_err(unrecorded)?;
    if let Some(mut record) = record {
        record.flush().map_err(unrecorded)?;
    }
    serde_json::to_string(&relay.counts()).map_err(|error| error.to_string())
}

fn unrecorded(error: io::Error) -> String {
    format!("cannot record: {error}")
}

/// A recording is datagrams, each behind its length in two bytes.
pub(crate) fn keep(record: &mut impl Write, datagram: &[u8]) -> io::Result<()> {
    let length = u16::try_from(datagram.len()).map_err(io::Error::other)?;
    record.write_all(&length.to_be_bytes())?;
    record.write_all(datagram)
}
