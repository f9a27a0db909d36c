//! Removable media: sets of volumes that survive the loss of a disk, written and read without a mount.
//!
//! ```text
//! pouches --set--> volumes: one plain tar each, from sector 0 of a device
//! volume  = data area | table | repair | table | custody     (geometry)
//! set     = N volumes of whole parts + P of parity: any P may be lost
//! ```
//!
//! Nothing of a volume is trusted: what is read lands in a quarantine, and `pouch-import` verifies it there.
//!
//! Never: it mounts nothing, and parses no file system. Start reading at [`geometry::Geometry`].

pub mod geometry;
mod sectors;

pub use sectors::{SECTOR, Sectors};
