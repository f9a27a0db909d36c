//! Datagrams that arrive other than they were sent.

use super::random::Random;
use super::wire;

/// Flips one bit somewhere.
pub(super) fn flip(datagram: &mut [u8], random: &mut Random) {
    let at = random.index(datagram.len());
    let bit = random.index(8);
    if let Some(byte) = datagram.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

/// Flips one bit of the payload and makes the checksum right again, as a sender with bad memory would. A datagram without a
/// payload is left as it is.
pub(super) fn flip_and_seal(datagram: &mut [u8], random: &mut Random) {
    if let Some(payload) = datagram.get_mut(wire::HEADER..) {
        flip(payload, random);
    }
    wire::seal(datagram);
}

/// Cuts a datagram to a length that is less than its own.
pub(super) fn cut(datagram: &mut Vec<u8>, random: &mut Random) {
    datagram.truncate(random.index(datagram.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differing_bits(a: &[u8], b: &[u8]) -> u32 {
        a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    #[test]
    fn one_bit_flips() {
        let mut random = Random::new(1, 0);
        for length in [1, 2, 64, 1472] {
            let before = vec![0x5a; length];
            let mut after = before.clone();
            flip(&mut after, &mut random);
            assert_eq!(differing_bits(&before, &after), 1);
        }
        flip(&mut [], &mut random);
    }

    #[test]
    fn a_wrong_payload_can_have_a_right_checksum() {
        let mut random = Random::new(1, 0);
        let mut before: Vec<u8> = (0..200).collect();
        wire::seal(&mut before);
        let mut after = before.clone();
        flip_and_seal(&mut after, &mut random);
        assert_eq!(differing_bits(&before[wire::HEADER..], &after[wire::HEADER..]), 1);
        let mut sealed = after.clone();
        wire::seal(&mut sealed);
        assert_eq!(sealed, after);
        assert_ne!(before[wire::TAG..wire::HEADER], after[wire::TAG..wire::HEADER]);
    }

    #[test]
    fn what_is_cut_is_shorter() {
        let mut random = Random::new(1, 0);
        for _ in 0..100 {
            let mut datagram = vec![1; 100];
            cut(&mut datagram, &mut random);
            assert!(datagram.len() < 100);
        }
    }
}
