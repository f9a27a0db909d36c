//! Making a set of shares.

use openssl::{error::ErrorStack, memcmp, rand::rand_bytes};
use zeroize::Zeroizing;

use crate::cipher::{self, Passphrase};
use crate::error::PassphraseError;
use crate::polynomial::{self, Point, Random};
use crate::share::{Set, Share};
use crate::{MAX_EXPONENT, MAX_SECRET_BYTES, MAX_SHARES, MIN_SECRET_BYTES};

/// How a secret is to be split: one group, `threshold` of `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    threshold: u8,
    count: u8,
    exponent: u8,
}

/// Why a secret cannot be split so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No shares, or too many.
    #[error("a set has 1 to {MAX_SHARES} shares, not {count}; choose as many as there are custodians")]
    Count {
        /// Shares wanted.
        count: u8,
    },
    /// Nobody, or more than there are.
    #[error("{threshold} of {count} shares cannot be what it takes; choose 1 to {count}")]
    Threshold {
        /// Shares that it should take.
        threshold: u8,
        /// Shares wanted.
        count: u8,
    },
    /// SLIP-0039: such shares would all be the same.
    #[error("1 of {count} would give everybody the same share; make one share and copy it, or let it take 2")]
    OneOfMany {
        /// Shares wanted.
        count: u8,
    },
    /// Beyond four bits.
    #[error("the iteration exponent is 0 to {MAX_EXPONENT}, not {exponent}; 1 is usual")]
    Exponent {
        /// As given.
        exponent: u8,
    },
}

/// Why there are no shares.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// Too short or too long.
    #[error("a secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes, this one {bytes}; choose another one")]
    Length {
        /// Bytes given.
        bytes: usize,
    },
    /// The standard cuts a secret in halves.
    #[error("a secret has an even number of bytes, this one {bytes}; choose one with a byte more")]
    Odd {
        /// Bytes given.
        bytes: usize,
    },
    /// The passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// OpenSSL failed, perhaps at random bytes.
    #[error("OpenSSL failed and no shares were made; try it again: {0}")]
    OpenSsl(#[from] ErrorStack),
    /// The shares did not give the secret back. A bug, or memory that fails.
    #[error(
        "the shares made do not give back the secret and were thrown away; try it on another machine and report it"
    )]
    Check,
}

impl Plan {
    /// `threshold` of `count` shares, with iteration exponent 1.
    ///
    /// # Errors
    /// [`PlanError`], unless 2 <= threshold <= count <= 16, or both are 1.
    pub fn new(threshold: u8, count: u8) -> Result<Self, PlanError> {
        match (threshold, count) {
            (_, 0) | (_, 17..) => Err(PlanError::Count { count }),
            (0, _) => Err(PlanError::Threshold { threshold, count }),
            (1, 2..) => Err(PlanError::OneOfMany { count }),
            _ if threshold > count => Err(PlanError::Threshold { threshold, count }),
            _ => Ok(Self { threshold, count, exponent: 1 }),
        }
    }

    /// The same with another iteration exponent, 0 to 15. Combining takes 10000 * 2^exponent iterations of PBKDF2: some
    /// milliseconds at 0, minutes at 15. It only slows down who guesses the passphrase.
    ///
    /// # Errors
    /// [`PlanError::Exponent`].
    pub fn with_exponent(self, exponent: u8) -> Result<Self, PlanError> {
        if exponent > MAX_EXPONENT {
            return Err(PlanError::Exponent { exponent });
        }
        Ok(Self { exponent, ..self })
    }

    /// Splits `secret`: an even number of bytes from 16 to 1248. `passphrase` may be empty; with it, the words alone do
    /// not give the secret. Before the shares are returned, their words were read and combined again.
    ///
    /// # Errors
    /// [`SplitError`]; no share was made.
    pub fn split(&self, secret: &[u8], passphrase: &[u8]) -> Result<Vec<Share>, SplitError> {
        self.split_with(secret, passphrase, &mut rand_bytes)
    }

    fn split_with(&self, secret: &[u8], passphrase: &[u8], random: Random<'_>) -> Result<Vec<Share>, SplitError> {
        let bytes = secret.len();
        if !(MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&bytes) {
            return Err(SplitError::Length { bytes });
        }
        if !bytes.is_multiple_of(2) {
            return Err(SplitError::Odd { bytes });
        }
        let passphrase = Passphrase::try_from(passphrase)?;
        let mut identifier = [0; 2];
        random(&mut identifier)?;
        let identifier = u16::from_be_bytes(identifier) & 0x7fff;
        let set = Set { identifier, extendable: true, exponent: self.exponent, group_threshold: 1, groups: 1 };
        let encrypted = cipher::encrypt(secret, passphrase, set.parameters())?;
        let points = polynomial::split(self.threshold, self.count, &encrypted, random)?;
        let share = |point: Point| Share { set, group: 0, member: point.x, threshold: self.threshold, value: point.y };
        let shares: Vec<Share> = points.into_iter().map(share).collect();
        self.check(&shares, secret, passphrase, set)?;
        Ok(shares)
    }

    /// A share that cannot be combined would lose the secret, so all of them are, from their words.
    fn check(&self, shares: &[Share], secret: &[u8], passphrase: Passphrase<'_>, set: Set) -> Result<(), SplitError> {
        let mut points = Vec::with_capacity(shares.len());
        for share in shares {
            let read = read_back(share)?;
            if read.set != set || read.threshold != self.threshold {
                return Err(SplitError::Check);
            }
            points.push(Point { x: read.member, y: read.value });
        }
        let points: Vec<&Point> = points.iter().collect();
        let mut encrypted: Option<Zeroizing<Vec<u8>>> = None;
        // If all neighbours give the same secret, all shares lie on the same polynomials.
        for some in points.windows(usize::from(self.threshold)) {
            let this = polynomial::recover(some).map_err(|_| SplitError::Check)?;
            if encrypted.as_ref().is_some_and(|before| !same(before, &this)) {
                return Err(SplitError::Check);
            }
            encrypted = Some(this);
        }
        let encrypted = encrypted.ok_or(SplitError::Check)?;
        let decrypted = cipher::decrypt(&encrypted, passphrase, set.parameters())?;
        if same(&decrypted, secret) { Ok(()) } else { Err(SplitError::Check) }
    }
}

/// The share that is read from the words of `share`.
fn read_back(share: &Share) -> Result<Share, SplitError> {
    let room = share.words().map(|word| word.len().saturating_add(1)).sum();
    let mut text = Zeroizing::new(String::with_capacity(room));
    for word in share.words() {
        text.push_str(word);
        text.push(' ');
    }
    Share::parse(&text).map_err(|_| SplitError::Check)
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && memcmp::eq(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_those_of_the_standard() {
        for count in 0..=255 {
            for threshold in 0..=255 {
                let right = count <= 16 && threshold <= count && (threshold >= 2 || (threshold == 1 && count == 1));
                assert_eq!(Plan::new(threshold, count).is_ok(), right, "{threshold} of {count}");
            }
        }
        assert_eq!(Plan::new(1, 3), Err(PlanError::OneOfMany { count: 3 }));
        let plan = Plan::new(2, 3).unwrap();
        assert!(plan.with_exponent(15).is_ok());
        assert_eq!(plan.with_exponent(16), Err(PlanError::Exponent { exponent: 16 }));
    }

    #[test]
    fn lengths_are_those_of_the_standard() {
        let plan = Plan::new(1, 1).unwrap().with_exponent(0).unwrap();
        for (bytes, right) in
            [(0, false), (15, false), (16, true), (17, false), (18, true), (1248, true), (1250, false)]
        {
            assert_eq!(plan.split(&vec![1; bytes], b"").is_ok(), right, "{bytes}");
        }
    }

    #[test]
    fn no_random_bytes_no_shares() {
        let plan = Plan::new(3, 5).unwrap().with_exponent(0).unwrap();
        // The identifier, one free point, and the key of the digest.
        for works in 0..3 {
            let mut calls = 0;
            let mut random = |bytes: &mut [u8]| {
                calls += 1;
                if calls > works { Err(ErrorStack::get()) } else { rand_bytes(bytes) }
            };
            let failed = plan.split_with(&[7; 16], b"", &mut random);
            assert!(matches!(failed, Err(SplitError::OpenSsl(_))), "{works}");
        }
    }

    #[test]
    fn a_share_of_other_polynomials_does_not_pass_the_check() {
        let plan = Plan::new(2, 3).unwrap().with_exponent(0).unwrap();
        let passphrase = Passphrase::try_from(&b""[..]).unwrap();
        let mut shares = plan.split(&[7; 16], b"").unwrap();
        let set = shares[0].set;
        assert!(plan.check(&shares, &[7; 16], passphrase, set).is_ok());
        assert!(plan.check(&shares, &[8; 16], passphrase, set).is_err());
        shares[2].value[5] ^= 1;
        assert!(plan.check(&shares, &[7; 16], passphrase, set).is_err());
    }
}
