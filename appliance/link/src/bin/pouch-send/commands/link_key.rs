//! `pouch-send link-key`

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use pouch_console::{Exit, Failure, Output};
use zeroize::Zeroizing;

use crate::cli::LinkKeyArgs;
use crate::explain;

/// 32 random bytes of the system as a line of hexadecimal digits, in a new file of mode 0600.
pub(crate) fn run(arguments: &LinkKeyArgs, output: &Output) -> Result<Exit, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    openssl::rand::rand_priv_bytes(bytes.as_mut()).map_err(|error| {
        Failure::new("LINK-KEY", Exit::Unavailable, format!("the system gives no randomness: {error}"))
    })?;
    // As large as it gets, so that growing leaves no copy behind.
    let mut text = Zeroizing::new(String::with_capacity(65));
    for byte in bytes.iter() {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    text.push('\n');
    let path = &arguments.output;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(explain::made(path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(explain::made(path))?;
    output
        .note(format!("a new link key is in {}; carry it to the receiver, where nobody else sees it", path.display()));
    Ok(Exit::Done)
}
