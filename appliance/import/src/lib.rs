//! The embassy's command: inspect, verify, import, status, unpack, restore
