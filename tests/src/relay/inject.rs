//! Datagrams that the sender never sent.

use super::random::Random;
use super::wire;

/// The longest payload of a datagram over IPv4.
pub(super) const LONGEST: usize = 65_507;

/// Of the same stream and transmission, with another payload, position and tag, as by one who has seen the wire but has no
/// key: with `sealed` its checksum is right.
pub(super) fn forged(real: &[u8], sealed: bool, random: &mut Random) -> Vec<u8> {
    let mut datagram = real.to_vec();
    if let Some(rest) = datagram.get_mut(wire::TAG..) {
        random.fill(rest);
    }
    if let Some(sequence) = wire::number(real, wire::SEQUENCE) {
        wire::put(&mut datagram, wire::SEQUENCE, sequence.wrapping_add(1 + random.below(1_000)));
    }
    if sealed {
        wire::seal(&mut datagram);
    }
    datagram
}

/// Of a stream and transmission of somebody else, right in itself.
pub(super) fn foreign(real: &[u8], other: u64) -> Vec<u8> {
    let mut datagram = real.to_vec();
    for at in [wire::STREAM, wire::TRANSMISSION] {
        if let Some(id) = wire::number(real, at) {
            wire::put(&mut datagram, at, id ^ other);
        }
    }
    wire::seal(&mut datagram);
    datagram
}

/// Bytes of chance: short ones as often as long ones, and now and then none or the most.
pub(super) fn noise(random: &mut Random) -> Vec<u8> {
    let length = match random.below(16) {
        0 => 0,
        1 => LONGEST,
        2..=9 => random.index(1_500),
        _ => random.index(LONGEST + 1),
    };
    let mut datagram = vec![0; length];
    random.fill(&mut datagram);
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real() -> Vec<u8> {
        let mut datagram: Vec<u8> = (0..=255).cycle().take(1472).collect();
        wire::seal(&mut datagram);
        datagram
    }

    fn is_sealed(datagram: &[u8]) -> bool {
        let mut sealed = datagram.to_vec();
        wire::seal(&mut sealed);
        sealed == datagram
    }

    #[test]
    fn what_is_forged_looks_like_the_real_one() {
        let (mut random, real) = (Random::new(3, 0), real());
        for sealed in [false, true] {
            let other = forged(&real, sealed, &mut random);
            assert_eq!(other[..wire::SEQUENCE], real[..wire::SEQUENCE]);
            assert_ne!(other[wire::HEADER..], real[wire::HEADER..]);
            assert_eq!(is_sealed(&other), sealed);
        }
        assert_eq!(forged(&[1, 2], true, &mut random), [1, 2]);
    }

    #[test]
    fn what_is_foreign_differs_in_its_ids_only() {
        let real = real();
        let foreign = foreign(&real, 0xdead);
        assert!(is_sealed(&foreign));
        assert_eq!(wire::number(&foreign, wire::STREAM), wire::number(&real, wire::STREAM).map(|id| id ^ 0xdead));
        assert_eq!(foreign[wire::HEADER..], real[wire::HEADER..]);
    }

    #[test]
    fn noise_has_every_length() {
        let mut random = Random::new(3, 0);
        let lengths: Vec<usize> = (0..500).map(|_| noise(&mut random).len()).collect();
        assert!(lengths.contains(&0) && lengths.contains(&LONGEST));
        assert!(lengths.iter().any(|length| (1..wire::HEADER).contains(length)));
    }
}
