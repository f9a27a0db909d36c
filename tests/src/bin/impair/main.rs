//! A bad wire between two UDP sockets: `impair --listen ADDRESS:PORT --to ADDRESS:PORT [IMPAIRMENT...]`. Nothing ever goes
//! back. When it ends it says in one line of JSON what it did.

mod words;

use acceptance::relay::Relay;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read as _, Write};
use std::net::UdpSocket;
use std::path::Path;
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
        words.settings.replay = recording(path)?;
    }
    let record =
        words.record.as_ref().map(|path| File::create(path).map(|file| BufWriter::with_capacity(1 << 20, file)));
    let mut record = record.transpose().map_err(|error| format!("cannot record: {error}"))?;
    let incoming = UdpSocket::bind(words.listen).map_err(|error| format!("{}: {error}", words.listen))?;
    incoming.set_read_timeout(Some(IDLE)).map_err(|error| error.to_string())?;
    let outgoing = outgoing(&words)?;
    let closed = Arc::new(AtomicBool::new(false));
    if words.until_closed {
        let closed = Arc::clone(&closed);
        std::thread::spawn(move || {
            let _ = io::stdin().read_to_end(&mut Vec::new());
            closed.store(true, Ordering::Relaxed);
        });
    }
    let mut relay = Relay::new(words.settings.clone());
    // A receiver that is not there, or is too slow, is a loss like any other.
    let mut emit = |datagram: &[u8]| drop(outgoing.send(datagram));
    let started = Instant::now();
    let mut last = None;
    let mut buffer = vec![0; usize::from(u16::MAX)];
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
            relay.noise(&mut emit);
            continue;
        }
        match incoming.recv(&mut buffer) {
            Ok(length) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                last = Some(now);
                relay.pass(datagram, now, &mut emit);
                if let Some(record) = &mut record {
                    keep(record, datagram).map_err(|error| format!("cannot record: {error}"))?;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => relay.flush(&mut emit),
            Err(error) => return Err(format!("{}: {error}", words.listen)),
        }
    }
    relay.flush(&mut emit);
    if let Some(mut record) = record {
        record.flush().map_err(|error| format!("cannot record: {error}"))?;
    }
    serde_json::to_string(&relay.counts()).map_err(|error| error.to_string())
}

fn outgoing(words: &Words) -> Result<UdpSocket, String> {
    let mut any = words.to;
    any.set_port(0);
    any.set_ip(if words.to.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() });
    let socket = UdpSocket::bind(any).and_then(|socket| socket.connect(words.to).map(|()| socket));
    socket.map_err(|error| format!("{}: {error}", words.to))
}

/// A recording is datagrams, each behind its length in two bytes.
fn keep(record: &mut impl Write, datagram: &[u8]) -> io::Result<()> {
    let length = u16::try_from(datagram.len()).map_err(io::Error::other)?;
    record.write_all(&length.to_be_bytes())?;
    record.write_all(datagram)
}

fn recording(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut rest = bytes.as_slice();
    let mut datagrams = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let cut = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)));
        let (datagram, behind) = cut.ok_or_else(|| format!("{}: ends within a datagram", path.display()))?;
        datagrams.push(datagram.to_vec());
        rest = behind;
    }
    Ok(datagrams)
}
