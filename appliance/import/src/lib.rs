//! What the embassy's command is made of, besides its command line: configuration, versions side by side, recipes.
//!
//! Start reading at [`restore`].

pub mod restore;
