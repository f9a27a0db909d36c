//! A key in two tokens is told to whoever runs the command, every time.

use openpgp_pkcs11::Holder;
use pouch_console::Output;

/// Says that the two halves of a key lie in two tokens, where they do. Not to be silenced by `--quiet`.
pub(crate) fn warn_of_split_key(holder: &Holder, output: &Output) {
    if let Some(second) = holder.second_token() {
        output.warn(format!(
            "the key is split between token {} and, for its post-quantum half, token {}: weaker than both halves in one, \
             and accepted by accept_split_key",
            holder.token().uri(),
            second.uri()
        ));
    }
}
