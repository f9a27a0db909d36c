//! How fast the receiving engine is by itself: prepared datagrams from memory, without a socket.
//!
//! `cargo run --release -p pouch-link --example bench-receive -- [DIRECTORY] [LOSS in 1/1000] [keyed]`

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "an example for engineers")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pouch_carry::Shape;
use pouch_link::lower::{Batch, LinkError, Losses, Receive};
use pouch_link::receive::settings::Settings;
use pouch_link::receive::{HandOver, Lane, run};
use pouch_link::tag::LinkKey;
use pouch_platform::Dir;

#[path = "../tests/receive/player.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests")]
mod player;

/// Datagrams of a batch: what a buffer of a mebibyte holds.
const BATCH: usize = 700;

/// When the tape began and ended, and the processor time of the lane's thread then.
#[derive(Default, Clone, Copy)]
struct Times {
    began: Option<(Instant, u64)>,
    ended: Option<(Instant, u64)>,
}

/// Plays one long buffer.
struct Tape {
    bytes: Vec<u8>,
    size: usize,
    at: usize,
    times: Arc<Mutex<Times>>,
}

/// Processor time of this thread, in nanoseconds.
fn thread_time() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

impl Receive for Tape {
    fn receive(&mut self, wait: Duration) -> Result<Batch<'_>, LinkError> {
        let mut times = self.times.lock().unwrap();
        times.began.get_or_insert_with(|| (Instant::now(), thread_time()));
        let end = (self.at + BATCH * self.size).min(self.bytes.len());
        if self.at == end {
            times.ended.get_or_insert_with(|| (Instant::now(), thread_time()));
            drop(times);
            std::thread::sleep(wait);
            return Ok(Batch::of(&[], 1));
        }
        let batch = Batch::of(&self.bytes[self.at..end], self.size);
        self.at = end;
        Ok(batch)
    }

    fn losses(&mut self) -> Result<Losses, LinkError> {
        Ok(Losses::default())
    }

    fn buffer(&self) -> usize {
        0
    }

    fn descriptor(&self) -> Option<std::os::fd::RawFd> {
        None
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let quarantine = PathBuf::from(arguments.next().unwrap_or_else(|| "/dev/shm/bench-receive".to_owned()));
    let loss: u64 = arguments.next().map_or(0, |loss| loss.parse().unwrap());
    let key = arguments.next().map(|_| LinkKey::new([7; 32]));
    let _ = std::fs::remove_dir_all(&quarantine);
    let mut random = player::Random(1);
    let bytes = random.bytes(400 << 20);
    let mut sent = player::Sent::new("land-000041", Shape::new(1408, 1024).unwrap(), bytes);
    sent.key.clone_from(&key);
    let mut pass = sent.pass(1, 64, 64);
    let head: Vec<_> = pass.drain(..2).collect();
    let datagrams = pass.iter().filter(|one| one.len() == 64 + 1408 && random.below(1000) >= loss).flatten();
    let tape: Vec<u8> = datagrams.copied().collect();
    drop(pass);
    let times: Arc<Mutex<Times>> = Arc::default();
    let score = Arc::<player::Score>::default();
    let before = player::Player::new(&score);
    let played = tape.len();
    let tape = Tape { bytes: tape, size: 64 + 1408, at: 0, times: Arc::clone(&times) };
    let lanes = vec![
        Lane { listen: "head".to_owned(), receive: before },
        Lane { listen: "tape".to_owned(), receive: Box::new(Late { tape, ready: Arc::clone(&score) }) },
    ];
    score.add(head);
    let stop: &'static AtomicBool = Box::leak(Box::default());
    let ((to, arrived), (_imported, from)) = (channel(), channel());
    let settings = Settings { key, ..Settings::new(quarantine.clone()) };
    // The peak from now on.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let resident = status("VmRSS:");
    let began = process_time();
    let engine = std::thread::spawn(move || {
        let root = Dir::open_private(&settings.quarantine).unwrap();
        run(settings, root, lanes, stop, Some(HandOver { arrived: to, imported: from }), &mut ())
    });
    let came = arrived.recv_timeout(Duration::from_secs(60));
    let all = process_time() - began;
    let whole = Instant::now();
    std::thread::sleep(Duration::from_millis(300));
    stop.store(true, Ordering::Relaxed);
    engine.join().unwrap().unwrap();
    let times = *times.lock().unwrap();
    let ((start, from), (end, to)) = (times.began.unwrap(), times.ended.unwrap());
    let gigabits = played as f64 * 8e-9;
    println!("{} arrived; {:.2} Gbit played", if came.is_ok() { "the pouch" } else { "NOTHING" }, gigabits);
    println!(
        "lane      {:.4} cpu-s/Gbit, {:.2} Gbit/s",
        (to - from) as f64 * 1e-9 / gigabits,
        gigabits / (end - start).as_secs_f64()
    );
    println!(
        "whole     {:.4} cpu-s/Gbit, {:.2} Gbit/s until it has arrived",
        all as f64 * 1e-9 / gigabits,
        gigabits / (whole - start).as_secs_f64()
    );
    println!("memory    {} KiB at the peak, besides what is played", status("VmHWM:").saturating_sub(resident));
    let _ = std::fs::remove_dir_all(&quarantine);
}

/// A line of what the system says of this process, in KiB.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// Processor time of the process, in nanoseconds.
fn process_time() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let each = tasks.flatten().map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_default()
    });
    each.sum()
}

/// A tape that begins when the announcement has been taken.
struct Late {
    tape: Tape,
    ready: Arc<player::Score>,
}

impl Receive for Late {
    fn receive(&mut self, wait: Duration) -> Result<Batch<'_>, LinkError> {
        if !self.ready.is_played() {
            std::thread::sleep(Duration::from_millis(20));
            return Ok(Batch::of(&[], 1));
        }
        if self.tape.at == 0 {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.tape.receive(wait)
    }

    fn losses(&mut self) -> Result<Losses, LinkError> {
        Ok(Losses::default())
    }

    fn buffer(&self) -> usize {
        0
    }

    fn descriptor(&self) -> Option<std::os::fd::RawFd> {
        None
    }
}
