//! How large a terminal is.

use std::os::fd::{AsFd, AsRawFd};

use nix::libc::{TIOCGWINSZ, ioctl, winsize};

/// Columns and rows of the terminal at `tty`; nothing if it is none, or does not know.
#[must_use]
pub fn terminal_size(tty: &impl AsFd) -> Option<(usize, usize)> {
    let mut size = winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    if !ask(tty, &mut size) || size.ws_col == 0 || size.ws_row == 0 {
        return None;
    }
    Some((size.ws_col.into(), size.ws_row.into()))
}

#[expect(unsafe_code, reason = "nix has no call for TIOCGWINSZ without a macro that is as unsafe")]
fn ask(tty: &impl AsFd, size: &mut winsize) -> bool {
    // SAFETY: the descriptor is open as long as `tty` is borrowed, and the request writes one `winsize` (tty_ioctl(4)).
    unsafe { ioctl(tty.as_fd().as_raw_fd(), TIOCGWINSZ, std::ptr::from_mut(size)) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::pty::{Winsize, openpty};

    #[test]
    fn a_terminal_says_its_size_and_others_do_not() {
        let size = Winsize { ws_row: 33, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).unwrap();
        assert_eq!(terminal_size(&pair.slave), Some((77, 33)));
        let pair = openpty(None, None).unwrap();
        assert_eq!(terminal_size(&pair.slave), None);
        assert_eq!(terminal_size(&std::fs::File::open("/dev/null").unwrap()), None);
    }
}
