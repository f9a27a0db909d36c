//! What a bad wire does to pouches: what repair makes good arrives byte for byte, and of what it cannot the receiver says
//! exactly what is missing. Real programs at both ends, a relay with fixed seeds between them.

#![cfg(test)]

mod ground;
mod incomplete;
mod repaired;
mod strangers;
