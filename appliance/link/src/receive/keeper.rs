//! The keeper: makes durable what has arrived, writes the records of open blocks, publishes what is whole, and tries
//! again when a disk was full.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::report::Arrived;
use super::session::Session;
use super::store::Store;
use super::table::Shared;
use super::{ballast, quarantine};

/// How often the keeper looks.
const TICK: Duration = Duration::from_millis(50);
/// How long records may lag behind.
const LAG: Duration = Duration::from_secs(1);
/// How often a full disk is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Room that is left for reports.
const SPARE: u64 = 512 << 10;
/// Pouches that arrived that are reported.
const ARRIVED: usize = 16;

/// Keeps until told to stop, and then a last time.
pub(crate) fn run(shared: &Shared, hand_over: Option<&Sender<Arrived>>) {
    let mut kept = Instant::now();
    while !shared.stopping() {
        sleep(TICK);
        let due = kept.elapsed() >= LAG;
        if due {
            kept = Instant::now();
        }
        keep(shared, due);
        publish(shared, hand_over);
        retry(shared);
    }
}

/// Makes everything durable that is there: the last that a receiver does.
pub(crate) fn last(shared: &Shared) {
    let now = Instant::now();
    let mut guard = shared.lock();
    let table = &mut *guard;
    for session in &mut table.sessions {
        if let Err(error) = session.flush(None, &mut table.pool) {
            session.disk_failed(&error, now);
        }
    }
    drop(guard);
    keep(shared, true);
}

/// Makes data durable, and then the records that speak of it: of streams of which a window was completed, or of all.
fn keep(shared: &Shared, all: bool) {
    let now = Instant::now();
    let mut guard = shared.lock();
    let table = &mut *guard;
    table.tick = table.tick.wrapping_add(u32::from(all));
    let mut due = Vec::new();
    for session in &mut table.sessions {
        let window = session.pass.map_or(64, |pass| u32::from(pass.depth));
        if session.full.is_some() || session.closing || !(all || session.fresh >= window) {
            continue;
        }
        if all && let Err(error) = session.flush(Some(table.tick.saturating_sub(1)), &mut table.pool) {
            session.disk_failed(&error, now);
            continue;
        }
        let records = session.changed();
        if session.fresh > 0 || !records.is_empty() {
            session.fresh = 0;
            due.push((session.id, Arc::clone(&session.store), records, session.anchored));
        }
    }
    drop(guard);
    for (id, store, records, anchored) in due {
        let held = if anchored { Ok(()) } else { quarantine::anchor(&shared.root, id) };
        let anchored = held.is_ok();
        let synced = held.and_then(|()| store.sync_data());
        let mut guard = shared.lock();
        let Some(session) = guard.session(id) else { continue };
        session.anchored = anchored;
        let put = synced.and_then(|()| session.put_records(&records));
        drop(guard);
        if let Err(error) = put.and_then(|()| store.sync_records())
            && let Some(session) = shared.lock().session(id)
        {
            session.disk_failed(&error, now);
        }
    }
}

/// Publishes the streams that are complete.
fn publish(shared: &Shared, hand_over: Option<&Sender<Arrived>>) {
    loop {
        let mut guard = shared.lock();
        let whole = |session: &&mut Session| {
            session.states.complete() == session.states.blocks() && session.full.is_none() && session.jobs == 0
        };
        let Some(session) = guard.sessions.iter_mut().find(whole) else { return };
        session.closing = true;
        let (id, stream, store) = (session.id, session.stream.clone(), Arc::clone(&session.store));
        let (lost, repaired) = (session.counts.lost, session.counts.repaired);
        drop(guard);
        match finish(shared, &stream, &store) {
            Ok(file) => {
                let arrived = Arrived {
                    stream: quarantine::name(id),
                    pouch: stream.pouch.to_string(),
                    file,
                    at: Timestamp::now(),
                    length: stream.layout.length(),
                    lost,
                    repaired,
                    import: None,
                };
                close(shared, id, arrived, hand_over);
            }
            Err(error) => {
                let mut guard = shared.lock();
                let Some(session) = guard.session(id) else { return };
                session.closing = false;
                session.disk_failed(&error, Instant::now());
            }
        }
    }
}

fn finish(shared: &Shared, stream: &crate::announcement::Stream, store: &Store) -> io::Result<String> {
    store.finish(stream.layout.length())?;
    let file = quarantine::publish(&shared.root, stream).map_err(io::Error::other)?;
    quarantine::log_finished(&shared.root, stream.id())?;
    Ok(file)
}

/// Does the rest for a stream that was published before this process began: all of it, or but for the hand-over, of which no
/// word came back.
pub(crate) fn published(
    shared: &Shared,
    (id, arrived): (u64, Arrived),
    hand_over: Option<&Sender<Arrived>>,
) -> io::Result<()> {
    let mut guard = shared.lock();
    let logged = guard.finished.has(id);
    let known = guard.arrived.iter().position(|known| known.stream == arrived.stream);
    let known = known.map(|place| guard.arrived.remove(place));
    drop(guard);
    if !logged {
        quarantine::log_finished(&shared.root, id)?;
    }
    // What its predecessor reported of it says more.
    close(shared, id, known.map_or(arrived, |known| Arrived { import: None, ..known }), hand_over);
    Ok(())
}

/// Forgets a stream that is published, and hands it over. Its directory stays until the word of that is back: what is left
/// of it says after a restart that it is to be handed over again.
fn close(shared: &Shared, id: u64, arrived: Arrived, hand_over: Option<&Sender<Arrived>>) {
    if hand_over.is_none() {
        quarantine::forget(&shared.root, id);
    }
    let mut guard = shared.lock();
    let table = &mut *guard;
    table.finished.add(id);
    if let Some(place) = table.sessions.iter().position(|session| session.id == id) {
        let session = table.sessions.swap_remove(place);
        table.totals.add(&session.counts);
        tracing::info!(
            stream = arrived.stream, registry = %session.stream.pouch.registry, sequence = session.stream.pouch.sequence,
            bytes = arrived.length, received = session.counts.received, lost = session.counts.lost,
            repaired = session.counts.repaired, file = arrived.file, "a pouch has arrived whole"
        );
    }
    table.totals.arrived += 1;
    table.arrived.push(arrived.clone());
    let spare = table.arrived.len().saturating_sub(ARRIVED);
    table.arrived.drain(..spare);
    drop(guard);
    if let Some(hand_over) = hand_over
        && hand_over.send(arrived).is_err()
    {
        tracing::warn!("nobody takes what has arrived any more");
    }
}

/// Tries streams again that a full disk paused.
fn retry(shared: &Shared) {
    let now = Instant::now();
    let mut due = Vec::new();
    for session in &mut shared.lock().sessions {
        if let Some((_, at)) = &mut session.full
            && now.saturating_duration_since(*at) >= RETRY
        {
            *at = now;
            due.push((session.id, Arc::clone(&session.store), session.stream.layout));
        }
    }
    for (id, store, layout) in due {
        let reserved = reserve(shared, &store, layout.length(), layout.blocks());
        let mut guard = shared.lock();
        let table = &mut *guard;
        let Some(session) = table.sessions.iter_mut().find(|session| session.id == id) else { continue };
        match reserved {
            Ok(()) => {
                session.full = None;
                ballast::take(&shared.root);
                tracing::info!(
                    stream = quarantine::name(id), registry = %session.stream.pouch.registry,
                    sequence = session.stream.pouch.sequence, "there is room again; the stream goes on"
                );
                table.ready.extend(session.ready().map(|number| (id, number)));
                shared.work.notify_all();
            }
            Err(error) => {
                if let Some((text, _)) = &mut session.full {
                    *text = error.to_string();
                }
            }
        }
    }
}

/// Takes the room that a stream lacks, but not the last of the disk: that is for the report.
fn reserve(shared: &Shared, store: &Store, length: u64, blocks: u32) -> io::Result<()> {
    let needed = store.lacks(length)?.saturating_add(SPARE);
    let free = shared.root.free_bytes().map_err(io::Error::other)?;
    if free < needed {
        let text = format!("{needed} bytes are needed, {free} are free");
        return Err(io::Error::new(io::ErrorKind::StorageFull, text));
    }
    store.reserve(length, blocks)?;
    store.sync_data()
}
