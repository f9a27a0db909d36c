//! Shamir's secret sharing over GF(256), byte by byte, with a digest of the secret as one more point (SLIP-0039,
//! "Shamir's secret sharing").

use openssl::{error::ErrorStack, hash::MessageDigest, memcmp, pkey::PKey, sign::Signer};
use zeroize::Zeroizing;

use crate::field::{invert, multiply};

/// Where the polynomials have the secret.
const SECRET: u8 = 255;
/// Where they have the digest, and the random key it was made with.
const DIGEST: u8 = 254;
/// Bytes of the digest.
const DIGEST_BYTES: usize = 4;

/// The values of all polynomials, one a byte, at `x`.
pub(crate) struct Point {
    pub(crate) x: u8,
    pub(crate) y: Zeroizing<Vec<u8>>,
}

/// Where random bytes come from.
pub(crate) type Random<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), ErrorStack>;

/// Why points gave no secret.
pub(crate) enum RecoverError {
    /// They are not of the same polynomials.
    Digest,
    /// OpenSSL failed.
    OpenSsl(ErrorStack),
}

impl From<ErrorStack> for RecoverError {
    fn from(error: ErrorStack) -> Self {
        Self::OpenSsl(error)
    }
}

/// `count` points, any `threshold` of which give `secret`.
pub(crate) fn split(threshold: u8, count: u8, secret: &[u8], random: Random<'_>) -> Result<Vec<Point>, ErrorStack> {
    if threshold <= 1 {
        return Ok((0..count).map(|x| Point { x, y: Zeroizing::new(secret.to_vec()) }).collect());
    }
    // The first points are chosen at random; together with digest and secret they determine the polynomials.
    let free = threshold.saturating_sub(2);
    let mut points = Vec::with_capacity(usize::from(count));
    for x in 0..free {
        let mut y = Zeroizing::new(vec![0; secret.len()]);
        random(&mut y)?;
        points.push(Point { x, y });
    }
    let mut digest = Zeroizing::new(vec![0; secret.len()]);
    if let Some((sum, key)) = digest.split_at_mut_checked(DIGEST_BYTES) {
        random(key)?;
        sum.copy_from_slice(&digest_of(key, secret)?);
    }
    let fixed = [Point { x: DIGEST, y: digest }, Point { x: SECRET, y: Zeroizing::new(secret.to_vec()) }];
    let determining: Vec<&Point> = points.iter().chain(&fixed).collect();
    let rest: Vec<Point> = (free..count).map(|x| Point { x, y: interpolate(&determining, x) }).collect();
    points.extend(rest);
    Ok(points)
}

/// The secret of which `points` are as many as the threshold, each at another place.
pub(crate) fn recover(points: &[&Point]) -> Result<Zeroizing<Vec<u8>>, RecoverError> {
    if let [point] = points {
        return Ok(point.y.clone());
    }
    let secret = interpolate(points, SECRET);
    let digest = interpolate(points, DIGEST);
    let (sum, key) = digest.split_at_checked(DIGEST_BYTES).ok_or(RecoverError::Digest)?;
    if !memcmp::eq(&digest_of(key, &secret)?, sum) {
        return Err(RecoverError::Digest);
    }
    Ok(secret)
}

/// What the polynomials through `points` are at `x` (Lagrange). Where the points lie is no secret; what they are is.
fn interpolate(points: &[&Point], x: u8) -> Zeroizing<Vec<u8>> {
    let length = points.first().map_or(0, |point| point.y.len());
    let mut value = Zeroizing::new(vec![0; length]);
    for point in points {
        let others = points.iter().filter(|other| other.x != point.x);
        let factor = others.fold(1, |factor, other| multiply(factor, multiply(x ^ other.x, invert(point.x ^ other.x))));
        value.iter_mut().zip(point.y.iter()).for_each(|(sum, byte)| *sum ^= multiply(*byte, factor));
    }
    value
}

fn digest_of(key: &[u8], secret: &[u8]) -> Result<[u8; DIGEST_BYTES], ErrorStack> {
    let mut mac = Zeroizing::new([0; 32]);
    Signer::new(MessageDigest::sha256(), PKey::hmac(key)?.as_ref())?.sign_oneshot(mac.as_mut(), secret)?;
    let [a, b, c, d, ..] = *mac;
    Ok([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> impl FnMut(&mut [u8]) -> Result<(), ErrorStack> {
        let mut next = 0u8;
        move |bytes: &mut [u8]| {
            for byte in bytes {
                next = next.wrapping_mul(5).wrapping_add(77);
                *byte = next;
            }
            Ok(())
        }
    }

    #[test]
    fn any_threshold_points_give_the_secret_and_one_fewer_does_not() {
        let secret = *b"0123456789abcdef";
        for threshold in 2..=5 {
            let points = split(threshold, 5, &secret, &mut counting()).unwrap();
            assert!(points.iter().zip(0..5).all(|(point, x)| point.x == x));
            for choice in 0u32..32 {
                let chosen: Vec<&Point> = points.iter().filter(|point| choice >> point.x & 1 == 1).collect();
                let recovered = recover(&chosen).map(|secret| secret.to_vec()).ok();
                match chosen.len() {
                    0 => {}
                    1 => assert_ne!(recovered.unwrap(), secret),
                    // More points than the threshold lie on the same polynomials.
                    n if n >= usize::from(threshold) => assert_eq!(recovered.unwrap(), secret),
                    _ => assert_eq!(recovered, None),
                }
            }
        }
    }

    #[test]
    fn the_polynomials_go_through_their_own_points() {
        let points = split(3, 3, &[7; 16], &mut counting()).unwrap();
        let all: Vec<&Point> = points.iter().collect();
        for point in &points {
            assert_eq!(interpolate(&all, point.x), point.y);
        }
    }

    #[test]
    fn a_digest_is_hmac_sha_256() {
        // RFC 4231, test case 2.
        assert_eq!(digest_of(b"Jefe", b"what do ya want for nothing?").unwrap(), [0x5b, 0xdc, 0xc1, 0x46]);
    }
}
