//! Who does what: prompts name people by role and number, never by habit.

use crate::plan::People;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Somebody in the room. In files as `administrator`, `custodian-2`, `witness-1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Role {
    /// Leads the ceremony and types.
    Administrator,
    /// Holds shares of PINs; counted from 1.
    Custodian(u8),
    /// Watches; counted from 1.
    Witness(u8),
}

/// A text that names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is nobody: administrator, custodian-1 or witness-1")]
pub struct RoleError {
    /// As written.
    pub text: String,
}

impl Role {
    /// Everybody whom the plan wants, in the order in which they are asked for their names.
    pub fn all(people: People) -> impl Iterator<Item = Self> {
        let custodians = (1..=people.custodians).map(Self::Custodian);
        std::iter::once(Self::Administrator).chain(custodians).chain((1..=people.witnesses).map(Self::Witness))
    }
}

/// As people are addressed.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Administrator => f.write_str("administrator"),
            Self::Custodian(number) => write!(f, "custodian {number}"),
            Self::Witness(number) => write!(f, "witness {number}"),
        }
    }
}

impl From<Role> for String {
    fn from(role: Role) -> String {
        role.to_string().replace(' ', "-")
    }
}

impl TryFrom<String> for Role {
    type Error = RoleError;

    fn try_from(text: String) -> Result<Self, RoleError> {
        let number = |prefix: &str| text.strip_prefix(prefix).and_then(|number| u8::from_str(number).ok());
        match (text.as_str(), number("custodian-"), number("witness-")) {
            ("administrator", ..) => Ok(Self::Administrator),
            (_, Some(number), _) => Ok(Self::Custodian(number)),
            (_, _, Some(number)) => Ok(Self::Witness(number)),
            _ => Err(RoleError { text }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_come_back_from_files() {
        let people = People { custodians: 3, threshold: 2, witnesses: 1 };
        let all: Vec<Role> = Role::all(people).collect();
        assert_eq!(all.len(), 5);
        for role in all {
            assert_eq!(Role::try_from(String::from(role)), Ok(role));
        }
        assert!(Role::try_from("custodian-".to_owned()).is_err());
    }
}
