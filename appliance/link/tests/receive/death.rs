//! A receiver of which a part dies.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use pouch_link::lower::{Batch, LinkError, Losses, Receive};
use pouch_link::receive::settings::Settings;
use pouch_link::receive::{Lane, ReceiveError, run};
use pouch_platform::Dir;

use crate::engine::Engine;
use crate::player::{Player, Random, Score, Sent};
use crate::{quarantine, small};

/// A lane with a flaw.
struct Flawed;

impl Receive for Flawed {
    fn receive(&mut self, wait: Duration) -> Result<Batch<'_>, LinkError> {
        std::thread::sleep(5 * wait);
        panic!("as a flaw would");
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

#[test]
fn a_dead_thread_ends_the_receiver_and_what_came_is_kept() {
    let directory = quarantine();
    let sent = Sent::new("land-000041", small(), Random(60).bytes(60_000));
    let pass = sent.pass(1, 16, 4);
    let half = pass.len() / 2;
    let score = Arc::new(Score::default());
    score.add(pass[..half].to_vec());
    let stop: &'static AtomicBool = Box::leak(Box::default());
    let lanes = vec![
        Lane { listen: "memory".into(), receive: Player::new(&score) },
        Lane { listen: "flawed".into(), receive: Box::new(Flawed) },
    ];
    let root = Dir::open_private(directory.path()).unwrap();
    let ended = run(Settings::new(directory.path().to_owned()), root, lanes, stop, None, &mut ());
    assert!(matches!(ended, Err(ReceiveError::Died { ref name }) if name == "lane 1"), "{ended:?}");
    let engine = Engine::start(directory.path());
    engine.play(pass[half..].to_vec());
    engine.arrives(&sent);
}
