//! What a relay has done.

use serde::Serialize;

/// Numbers of datagrams, unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Came in.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Went out, of all kinds.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Were never seen here, by the sequence numbers of what was: lost before the relay, which should be none.
    pub missed: u64,
    /// Were lost for any reason below.
    pub dropped: u64,
    /// Were lost by chance.
    pub lost: u64,
    /// Were lost in the one burst.
    pub burst: u64,
    /// Were lost while the wire was cut.
    pub cut: u64,
    /// Were lost because they were too long.
    pub too_long: u64,
    /// Runs of datagrams that were lost one behind the other.
    pub bursts: u64,
    /// The longest such run.
    pub longest_burst: u64,
    /// Went out twice.
    pub duplicated: u64,
    /// Went out behind later ones.
    pub reordered: u64,
    /// Had a bit flipped.
    pub corrupted: u64,
    /// Had a bit flipped under a right checksum.
    pub corrupted_sealed: u64,
    /// Were cut short.
    pub truncated: u64,
    /// Were forged.
    pub forged: u64,
    /// Were of a foreign stream.
    pub foreign: u64,
    /// Were of chance.
    pub noise: u64,
    /// Were of a recording.
    pub replayed: u64,
}

impl Counts {
    /// Notes what became of the next datagram that came in; `run` is the run of losses that goes on.
    pub(super) fn fate(&mut self, dropped: bool, run: &mut u64) {
        if !dropped {
            *run = 0;
            return;
        }
        self.dropped += 1;
        *run += 1;
        self.bursts += u64::from(*run == 1);
        self.longest_burst = self.longest_burst.max(*run);
    }
}
