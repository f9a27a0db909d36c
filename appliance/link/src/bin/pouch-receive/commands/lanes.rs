//! The lanes, opened.

use pouch_console::Failure;
use pouch_link::receive::Lane;
use pouch_link::receive::listen::Listen;

use crate::explain;

/// Opens a lane; from now on datagrams wait for us.
pub(crate) fn open(listen: &Listen) -> Result<Lane, Failure> {
    let receive = listen.open().map_err(|error| explain::lane(&error, listen))?;
    tracing::info!(lane = %listen, buffer = receive.buffer(), "lane is open");
    Ok(Lane { listen: listen.to_string(), receive })
}
