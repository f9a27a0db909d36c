//! x
pub(crate) const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
