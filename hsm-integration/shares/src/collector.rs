//! Shares come one by one, from one custodian after another, until there are enough.

use std::collections::BTreeMap;
use std::fmt;

use openssl::{error::ErrorStack, memcmp};
use secrecy::SecretSlice;

use crate::cipher::{self, Passphrase};
use crate::error::PassphraseError;
use crate::polynomial::{self, Point, RecoverError};
use crate::share::{Set, Share};

/// The shares of one set that were given so far.
#[derive(Default)]
pub struct Collector {
    /// What the first share said, and the bytes of its value.
    set: Option<(Set, usize)>,
    groups: BTreeMap<u8, Group>,
}

struct Group {
    threshold: u8,
    points: Vec<Point>,
}

/// Why a share was not taken. Those taken before are kept. Shares and groups are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// Of another set.
    #[error(
        "this share is of set {actual}, those before are of set {expected}; give a share with the same first two words"
    )]
    Identifier {
        /// Identifier of the set begun.
        expected: u16,
        /// Identifier of the share.
        actual: u16,
    },
    /// The identifier is the same, by accident or by intent, but it is no share of the set.
    #[error(
        "this share has the set's number {identifier}, but its {field} is another one; \
         it is of another set, give one of this set"
    )]
    Set {
        /// Identifier of both.
        identifier: u16,
        /// What is different.
        field: &'static str,
    },
    /// Members of one group must agree how many it takes.
    #[error(
        "this share says that group {group} takes {actual} shares, those before say {expected}; \
         it is of another set, give one of this set"
    )]
    Threshold {
        /// The group.
        group: u8,
        /// What those before said.
        expected: u8,
        /// What this one says.
        actual: u8,
    },
    /// The same paper again.
    #[error("share {number} of group {group} was given before; give another one")]
    Twice {
        /// The group.
        group: u8,
        /// The share.
        number: u8,
    },
    /// One of the two is not of the set.
    #[error(
        "another share {number} of group {group} was given before; \
         one of the two is not of this set, find out which and begin again"
    )]
    Contradiction {
        /// The group.
        group: u8,
        /// The share.
        number: u8,
    },
    /// The group has all it takes, others do not.
    #[error("group {group} has the {threshold} shares that it takes; give one of another group")]
    GroupComplete {
        /// The group.
        group: u8,
        /// Shares it takes.
        threshold: u8,
    },
    /// There are enough.
    #[error("there are enough shares already; give no more")]
    Complete,
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum CombineError {
    /// Not enough shares.
    #[error("{missing} more shares are needed; give another one")]
    Incomplete {
        /// Fewest shares that are still needed.
        missing: usize,
    },
    /// The passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// Each share is right by itself, but they are not of one set.
    #[error("the shares do not belong together: at least one is not of this set; begin again with other shares")]
    Digest,
    /// OpenSSL failed.
    #[error("OpenSSL failed; try it again: {0}")]
    OpenSsl(#[from] ErrorStack),
}

impl From<RecoverError> for CombineError {
    fn from(error: RecoverError) -> Self {
        match error {
            RecoverError::Digest => Self::Digest,
            RecoverError::OpenSsl(error) => Self::OpenSsl(error),
        }
    }
}

impl Collector {
    /// Takes one share and says how many are still missing, like [`Collector::missing`]. The first one says of which
    /// set the others must be.
    ///
    /// # Errors
    /// [`CollectError`]: the share is wiped, and nothing has changed.
    pub fn add(&mut self, share: Share) -> Result<usize, CollectError> {
        let bytes = share.value.len();
        let (set, expected) = self.set.unwrap_or((share.set, bytes));
        check_set(set, share.set)?;
        if bytes != expected {
            return Err(CollectError::Set { identifier: set.identifier, field: "length" });
        }
        let group = self.groups.get(&share.group);
        group.map_or(Ok(()), |group| group.check(&share))?;
        if self.missing() == 0 {
            return Err(CollectError::Complete);
        }
        if let Some(group) = group.filter(|group| group.missing() == 0) {
            return Err(CollectError::GroupComplete { group: share.group().0, threshold: group.threshold });
        }
        self.set = Some((set, bytes));
        let new = || Group { threshold: share.threshold, points: Vec::new() };
        let group = self.groups.entry(share.group).or_insert_with(new);
        group.points.push(Point { x: share.member, y: share.value });
        Ok(self.missing())
    }

    /// How many shares are still missing: 1 before the first one, 0 once there are enough. Exact for sets of one group;
    /// with several, a group of which no share is there counts one, as nobody knows yet how many it takes.
    #[must_use]
    pub fn missing(&self) -> usize {
        let Some((set, _)) = self.set else { return 1 };
        let unseen = usize::from(set.groups).saturating_sub(self.groups.len());
        let mut missing: Vec<usize> = self.groups.values().map(Group::missing).collect();
        missing.extend(std::iter::repeat_n(1, unseen));
        missing.sort_unstable();
        missing.iter().take(usize::from(set.group_threshold)).sum()
    }

    /// The secret, as many bytes as the shares' values have. A wrong passphrase gives another one: whoever has a way
    /// to try the secret must, but a PIN only once.
    ///
    /// Takes 10000 * 2^exponent iterations of PBKDF2, see [`Share::exponent`]: up to minutes.
    ///
    /// # Errors
    /// [`CombineError`].
    pub fn secret(&self, passphrase: &[u8]) -> Result<SecretSlice<u8>, CombineError> {
        let missing = self.missing();
        let (0, Some((set, _))) = (missing, self.set) else {
            return Err(CombineError::Incomplete { missing });
        };
        let passphrase = Passphrase::try_from(passphrase)?;
        let mut points = Vec::with_capacity(self.groups.len());
        for (number, group) in self.groups.iter().filter(|(_, group)| group.missing() == 0) {
            let members: Vec<&Point> = group.points.iter().collect();
            points.push(Point { x: *number, y: polynomial::recover(&members)? });
        }
        let points: Vec<&Point> = points.iter().collect();
        let encrypted = polynomial::recover(&points)?;
        let mut secret = cipher::decrypt(&encrypted, passphrase, set.parameters())?;
        // No copy is made: the vector has no room to spare.
        Ok(SecretSlice::from(std::mem::take(&mut *secret)))
    }
}

impl Group {
    fn missing(&self) -> usize {
        usize::from(self.threshold).saturating_sub(self.points.len())
    }

    fn check(&self, share: &Share) -> Result<(), CollectError> {
        let (group, number) = (share.group().0, share.number());
        if self.threshold != share.threshold {
            return Err(CollectError::Threshold { group, expected: self.threshold, actual: share.threshold });
        }
        if let Some(before) = self.points.iter().find(|point| point.x == share.member) {
            let same = before.y.len() == share.value.len() && memcmp::eq(&before.y, &share.value);
            return Err(if same {
                CollectError::Twice { group, number }
            } else {
                CollectError::Contradiction { group, number }
            });
        }
        Ok(())
    }
}

fn check_set(expected: Set, actual: Set) -> Result<(), CollectError> {
    let identifier = expected.identifier;
    if actual.identifier != identifier {
        return Err(CollectError::Identifier { expected: identifier, actual: actual.identifier });
    }
    let fields = [
        ("extendable flag", expected.extendable == actual.extendable),
        ("iteration exponent", expected.exponent == actual.exponent),
        ("number of groups needed", expected.group_threshold == actual.group_threshold),
        ("number of groups", expected.groups == actual.groups),
    ];
    let wrong = fields.iter().find(|(_, same)| !same);
    wrong.map_or(Ok(()), |(field, _)| Err(CollectError::Set { identifier, field }))
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("set", &self.set).field("missing", &self.missing()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plan;

    fn shares(secret: &[u8], identifier: u16) -> Vec<Share> {
        let mut shares = Plan::new(3, 4).unwrap().with_exponent(0).unwrap().split(secret, b"").unwrap();
        shares.iter_mut().for_each(|share| share.set.identifier = identifier);
        shares
    }

    #[test]
    fn a_foreign_share_with_the_number_of_the_set_gives_no_secret() {
        let (mut ours, mut theirs) = (shares(b"sixteen bytes ok", 7), shares(b"sixteen bytes no", 7));
        let mut collector = Collector::default();
        collector.add(ours.remove(0)).unwrap();
        let contradiction = CollectError::Contradiction { group: 1, number: 1 };
        assert_eq!(collector.add(theirs.remove(0)), Err(contradiction));
        collector.add(ours.remove(0)).unwrap();
        assert_eq!(collector.add(theirs.remove(1)), Ok(0));
        assert!(matches!(collector.secret(b""), Err(CombineError::Digest)));
    }

    #[test]
    fn a_share_of_another_length_or_threshold_is_refused() {
        let mut collector = Collector::default();
        assert_eq!(collector.missing(), 1);
        assert!(matches!(collector.secret(b""), Err(CombineError::Incomplete { missing: 1 })));
        collector.add(shares(&[1; 16], 7).remove(0)).unwrap();
        let longer = CollectError::Set { identifier: 7, field: "length" };
        assert_eq!(collector.add(shares(&[1; 18], 7).remove(1)), Err(longer));
        let mut other = shares(&[1; 16], 7).remove(1);
        other.threshold = 2;
        assert_eq!(collector.add(other), Err(CollectError::Threshold { group: 1, expected: 3, actual: 2 }));
        assert_eq!(collector.missing(), 2);
    }

    #[test]
    fn a_wrong_passphrase_text_is_told() {
        let mut collector = Collector::default();
        for share in shares(&[1; 16], 7).into_iter().take(3) {
            collector.add(share).unwrap();
        }
        let refused = collector.secret("pass\u{e9}".as_bytes());
        assert!(matches!(refused, Err(CombineError::Passphrase(PassphraseError::Unprintable))));
    }
}
