//! The guide.

use super::TOOLS;

/// The command line of the reference implementation of SLIP-0039, as a line of the shell.
pub(crate) fn shamir(arguments: &str) -> String {
    format!("env PYTHONPATH={TOOLS}/python LC_ALL=C.UTF-8 python3 {TOOLS}/python/bin/shamir {arguments}")
}
