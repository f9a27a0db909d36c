//! What has arrived is handed to `pouch-import`, by a clerk that was started before the receiver was confined.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use std::{io, time::Duration};

use pouch_platform::handover::Handover;

use super::report::{Arrived, Import};

/// The exit code of an import of which it is not known how it ended, if it began. Such a pouch is handed over again when a
/// receiver starts.
pub(crate) const UNKNOWN: i32 = -1;

/// Where what has arrived goes, and where the word of it comes back from.
#[derive(Debug)]
pub struct HandOver {
    /// Pouches that arrived whole, in order.
    pub arrived: Sender<Arrived>,
    /// What became of them, by the name of their stream.
    pub imported: Receiver<(String, Import)>,
}

/// Hands each pouch that arrives to the clerk, in a thread of its own that has begun when this returns. When the clerk is
/// gone, each further pouch is reported as not imported; the files stay, and are handed over again after the next start.
///
/// # Errors
/// There is no thread.
pub fn hand_over(mut clerk: Handover) -> io::Result<HandOver> {
    let ((to, arrived), (imported, from), (begin, begun)) = (channel::<Arrived>(), channel(), channel());
    Builder::new().name("hand-over".into()).spawn(move || {
        let _ = begin.send(());
        // It ends with the receiver, which holds the other ends.
        for pouch in arrived {
            let import = match clerk.pass(&pouch.file) {
                Ok(handed) => Import { code: handed.code.map_or(UNKNOWN, i32::from), said: handed.words },
                Err(error) => Import { code: UNKNOWN, said: error.to_string() },
            };
            if imported.send((pouch.stream, import)).is_err() {
                return;
            }
        }
    })?;
    begun.recv_timeout(Duration::from_secs(10)).map_err(io::Error::other)?;
    Ok(HandOver { arrived: to, imported: from })
}
