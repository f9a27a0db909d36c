//! Network connections.

use std::{io, net::TcpStream};

use nix::sys::socket::{setsockopt, sockopt};

/// Seconds of silence after which the peer is asked whether it is still there.
const IDLE: u32 = 60;
/// Seconds between questions, and how many stay unanswered before the connection is given up.
const INTERVAL: u32 = 10;
const QUESTIONS: u32 = 6;

/// Has the system notice within two minutes that the peer of a silent connection is gone; reads then fail with
/// `ETIMEDOUT` instead of waiting for ever (tcp(7)).
///
/// # Errors
/// What `setsockopt` says.
pub fn keep_alive(connection: &TcpStream) -> io::Result<()> {
    setsockopt(connection, sockopt::KeepAlive, &true)?;
    setsockopt(connection, sockopt::TcpKeepIdle, &IDLE)?;
    setsockopt(connection, sockopt::TcpKeepInterval, &INTERVAL)?;
    setsockopt(connection, sockopt::TcpKeepCount, &QUESTIONS)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::getsockopt;
    use std::net::TcpListener;

    #[test]
    fn a_silent_peer_is_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        keep_alive(&connection).unwrap();
        assert!(getsockopt(&connection, sockopt::KeepAlive).unwrap());
        let silence = getsockopt(&connection, sockopt::TcpKeepIdle).unwrap();
        let questions = getsockopt(&connection, sockopt::TcpKeepCount).unwrap();
        let interval = getsockopt(&connection, sockopt::TcpKeepInterval).unwrap();
        assert_eq!(silence + questions * interval, 120);
    }
}
