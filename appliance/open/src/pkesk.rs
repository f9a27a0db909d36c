//! What an encrypted session key of a profile looks like, as far as its lengths tell.

use pouch_format::Profile;

/// ML-KEM-768+X25519 (RFC 9980 section 2.2).
const MLKEM768_X25519: u8 = 35;

/// A body of version 6 and this algorithm has one size (RFC 9580 section 5.1.2, RFC 9980 section 4.3.1): version; length,
/// version and fingerprint of the recipient; algorithm; X25519 share; ML-KEM-768 ciphertext; length and bytes of the
/// wrapped key for AES-256.
const PQC_BYTES: usize = 1 + 1 + 1 + 32 + 1 + 32 + 1088 + 1 + 40;
/// Where in it the length of the wrapped key stands.
const PQC_WRAPPED: usize = PQC_BYTES - 41;

/// The version of every encrypted session key of a profile.
const fn version(profile: Profile) -> u8 {
    match profile {
        Profile::Rfc9580 | Profile::Rfc9980 => 6,
        Profile::Rfc4880 => 3,
    }
}

/// Whether the body of a PKESK is of a profile: its version, and in `rfc9980` its algorithm and every length in it.
///
/// Post-quantum keys have a profile of their own, so that the signed manifest says what a pouch is worth: in
/// the others they are refused.
pub(crate) fn is_of_profile(profile: Profile, body: &[u8]) -> bool {
    if body.first() != Some(&version(profile)) {
        return false;
    }
    match profile {
        Profile::Rfc4880 => true,
        Profile::Rfc9580 => algorithm(body) != Some(MLKEM768_X25519),
        Profile::Rfc9980 => {
            body.len() == PQC_BYTES
                && body.get(1..3) == Some(&[33, 6])
                && algorithm(body) == Some(MLKEM768_X25519)
                && body.get(PQC_WRAPPED) == Some(&40)
        }
    }
}

/// The public-key algorithm of a body of version 6.
fn algorithm(body: &[u8]) -> Option<u8> {
    let recipient = usize::from(*body.get(1)?);
    body.get(2 + recipient).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Vec<u8> {
        let mut body = vec![6, 33, 6];
        body.extend([7; 32]);
        body.push(35);
        body.extend([8; 32 + 1088]);
        body.push(40);
        body.extend([9; 40]);
        body
    }

    #[test]
    fn a_post_quantum_key_has_one_form_and_one_profile() {
        assert_eq!(sound().len(), 1197);
        assert!(is_of_profile(Profile::Rfc9980, &sound()));
        assert!(!is_of_profile(Profile::Rfc9580, &sound()));
        assert!(!is_of_profile(Profile::Rfc4880, &sound()));
        for (at, octet) in [(0, 3), (1, 32), (1, 0), (2, 4), (35, 25), (35, 36), (1156, 39), (1156, 32)] {
            let mut body = sound();
            body[at] = octet;
            assert!(!is_of_profile(Profile::Rfc9980, &body), "octet {at} is {octet}");
        }
        for length in [0, 1, 2, 35, 1196] {
            assert!(!is_of_profile(Profile::Rfc9980, &sound()[..length]), "{length} bytes");
        }
        assert!(!is_of_profile(Profile::Rfc9980, &[sound(), vec![0]].concat()));
    }

    #[test]
    fn other_profiles_take_their_version() {
        assert!(is_of_profile(Profile::Rfc9580, &[6, 0, 25, 0]));
        assert!(is_of_profile(Profile::Rfc4880, &[3, 0, 0, 0]));
        // Nobody is named, and the algorithm stands right behind.
        assert!(!is_of_profile(Profile::Rfc9580, &[6, 0, 35, 0]));
        assert!(!is_of_profile(Profile::Rfc9580, &[3, 0, 25, 0]));
        assert!(!is_of_profile(Profile::Rfc9580, &[]));
    }
}
