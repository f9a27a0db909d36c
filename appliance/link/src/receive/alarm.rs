//! What a person has to look at, under stable words.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::report::Alarm;

/// No datagram for too long.
pub(crate) const SILENCE: &str = "LINK-SILENCE";
/// A stream does not fit the disk, or the disk takes no more of one.
pub(crate) const SPACE: &str = "LINK-SPACE";
/// A stream is longer than is allowed.
pub(crate) const SIZE: &str = "LINK-SIZE";
/// Too many streams are unfinished.
pub(crate) const STREAMS: &str = "LINK-STREAMS";
/// Another stream of the same name.
pub(crate) const STREAM: &str = "LINK-STREAM";
/// A pass ended and something is missing.
pub(crate) const INCOMPLETE: &str = "LINK-INCOMPLETE";
/// A lane cannot be read.
pub(crate) const LANE: &str = "LINK-LANE";
/// Datagrams were dropped on this machine.
pub(crate) const OVERFLOW: &str = "LINK-OVERFLOW";
/// What a receiver says of itself cannot be written.
pub(crate) const STATUS: &str = "LINK-STATUS";

/// How long a refusal is an alarm after it last happened.
const LASTS: Duration = Duration::from_secs(60);
/// Alarms of one word at most: whoever may announce must fill neither the memory nor the place of other alarms.
const MOST: usize = 8;

/// The alarms that something happened, each until it has not happened for a while.
#[derive(Debug, Default)]
pub(crate) struct Alarms(Vec<(Alarm, String, Instant)>);

impl Alarms {
    /// Raises or renews an alarm about `subject`; says whether it is new. Beyond a number of alarms of a word there are no
    /// new ones of it.
    pub(crate) fn raise(&mut self, id: &str, subject: &str, text: impl FnOnce() -> String, now: Instant) -> bool {
        if let Some((_, _, latest)) = self.0.iter_mut().find(|(alarm, of, _)| alarm.id == id && of == subject) {
            *latest = now;
            return false;
        }
        if self.0.iter().filter(|(alarm, ..)| alarm.id == id).count() >= MOST {
            return false;
        }
        let alarm = Alarm { id: id.to_owned(), text: text(), since: Timestamp::now() };
        self.0.push((alarm, subject.to_owned(), now));
        true
    }

    /// Takes an alarm back.
    pub(crate) fn clear(&mut self, id: &str, subject: &str) {
        self.0.retain(|(alarm, of, _)| alarm.id != id || of != subject);
    }

    /// The alarms now.
    pub(crate) fn now(&mut self, now: Instant) -> Vec<Alarm> {
        self.0.retain(|(_, _, latest)| now.saturating_duration_since(*latest) < LASTS);
        self.0.iter().map(|(alarm, _, _)| alarm.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_alarms_of_a_word_leave_room_for_others() {
        let (mut alarms, now) = (Alarms::default(), Instant::now());
        for subject in 0..1000 {
            assert_eq!(alarms.raise(STREAMS, &subject.to_string(), String::new, now), subject < MOST);
        }
        assert!(alarms.raise(OVERFLOW, "", String::new, now) && !alarms.raise(OVERFLOW, "", String::new, now));
        assert_eq!(alarms.now(now).len(), MOST + 1);
        alarms.clear(STREAMS, "3");
        assert!(alarms.raise(STREAMS, "1001", String::new, now));
        assert_eq!(alarms.now(now + LASTS), []);
    }
}
