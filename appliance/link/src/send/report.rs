//! What a sender says of itself: `status.json` in its state directory, and the same for Prometheus.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::receive::report::Alarm;

/// The document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// When the sender started.
    pub since: Timestamp,
    /// When this was written; a sender that lives renews it every second.
    pub updated: Timestamp,
    /// The links.
    pub lanes: Vec<Lane>,
    /// Pouches under way.
    pub sending: Vec<Sending>,
    /// Pouches that wait.
    pub waiting: Vec<String>,
    /// The latest pouches that were sent whole, newest last; at most 16.
    pub sent: Vec<Sent>,
    /// What a person has to look at now; empty is well.
    pub alarms: Vec<Alarm>,
    /// Pouches sent whole since the start.
    pub pouches: u64,
    /// Pouches that could not be sent, since the start.
    pub failed: u64,
    /// Datagrams since the start.
    pub datagrams: u64,
    /// Heartbeats since the start.
    pub heartbeats: u64,
    /// Bits on the wire since the start.
    pub bits: u64,
}

/// One link.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// Where it goes.
    pub to: String,
    /// Whether it works.
    pub works: bool,
    /// Datagrams that left on it.
    pub datagrams: u64,
    /// Bursts that it refused.
    pub failures: u64,
}

/// A pouch under way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sending {
    /// The pouch.
    pub pouch: String,
    /// Its stream, 16 hexadecimal digits.
    pub stream: String,
    /// The round, from 1.
    pub round: u16,
    /// Rounds planned.
    pub rounds: u16,
    /// Symbols of all rounds.
    pub symbols: u64,
    /// Symbols sent.
    pub sent: u64,
    /// Its weight.
    pub weight: u32,
    /// Seconds that the rest takes, if it goes on as before; null before anything was sent.
    pub remaining: Option<u64>,
}

/// A pouch that was sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// The pouch.
    pub pouch: String,
    /// Its stream, 16 hexadecimal digits.
    pub stream: String,
    /// When it was sent.
    pub at: Timestamp,
}

impl Report {
    /// The text for Prometheus (exposition format 0.0.4).
    #[must_use]
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        let mut put = |name: &str, kind: &str, help: &str, values: &[(String, u64)]| {
            text += &format!("# HELP pouch_send_{name} {help}\n# TYPE pouch_send_{name} {kind}\n");
            values.iter().for_each(|(labels, value)| text += &format!("pouch_send_{name}{labels} {value}\n"));
        };
        let one = |value| vec![(String::new(), value)];
        let seconds = u64::try_from(self.updated.as_second()).unwrap_or(0);
        put("updated_seconds", "gauge", "When this was written.", &one(seconds));
        put("pouches_total", "counter", "Pouches sent whole.", &one(self.pouches));
        put("failed_total", "counter", "Pouches that could not be sent.", &one(self.failed));
        put("datagrams_total", "counter", "Datagrams sent.", &one(self.datagrams));
        put("heartbeats_total", "counter", "Heartbeats sent.", &one(self.heartbeats));
        put("wire_bits_total", "counter", "Bits on the wire.", &one(self.bits));
        put("sending", "gauge", "Pouches under way.", &one(self.sending.len() as u64));
        put("waiting", "gauge", "Pouches that wait.", &one(self.waiting.len() as u64));
        put("alarms", "gauge", "What a person has to look at.", &one(self.alarms.len() as u64));
        // Names of lanes hold neither quotes nor backslashes.
        let lanes = |value: fn(&Lane) -> u64| -> Vec<(String, u64)> {
            self.lanes.iter().map(|lane| (format!("{{lane=\"{}\"}}", lane.to), value(lane))).collect()
        };
        put("lane_up", "gauge", "Whether the link works.", &lanes(|lane| u64::from(lane.works)));
        put("lane_datagrams_total", "counter", "Datagrams that left.", &lanes(|lane| lane.datagrams));
        put("lane_failures_total", "counter", "Bursts that were refused.", &lanes(|lane| lane.failures));
        text
    }
}
