//! What the embassy's command is made of, besides its command line: its configuration, versions side by side, recipes
//! that restore.
//!
//! Nothing here seals, verifies or decrypts: that is `pouch-open`'s. Start reading at [`restore`].

pub mod config;
pub mod restore;
pub mod versions;
