//! Every limit of the format. A reader applies each before it trusts the number it bounds.

/// Largest manifest, in bytes.
pub const MANIFEST_BYTES: u64 = 16 << 20;
/// Largest signature file, in bytes.
pub const SIGNATURE_FILE_BYTES: u64 = 64 << 10;
/// Most signatures on one manifest.
pub const SIGNATURES: usize = 16;
/// Most recipients of one pouch.
pub const RECIPIENTS: usize = 16;
/// Most sealed parts (segments, or index parts) of one pouch.
pub const PARTS: usize = 65_536;
/// Largest decompressed content of one sealed part, in bytes.
pub const PART_CONTENT_BYTES: u64 = 64 << 20;
/// Largest zstd window a reader accepts, in bytes.
pub const WINDOW_BYTES: u64 = 128 << 20;
/// Largest body of one encrypted-session-key packet, in bytes.
pub const PKESK_BYTES: usize = 4096;
/// Most entries of one archive.
pub const ENTRIES: u64 = 1 << 24;
/// Longest entry path, in bytes.
pub const PATH_BYTES: usize = 4095;
/// Longest component of an entry path, in bytes.
pub const COMPONENT_BYTES: usize = 255;
/// Deepest entry path, in components.
pub const PATH_DEPTH: usize = 64;
/// Largest file in an archive, in bytes (2^63 - 1).
pub const FILE_BYTES: u64 = (1 << 63) - 1;
/// Longest line of an index, in bytes.
pub const INDEX_LINE_BYTES: usize = 16 << 20;
/// Largest sequence number.
pub const SEQUENCE: u64 = 1 << 53;
/// Most that packets, tags and an incompressible frame add to a part's content, in bytes.
pub const PART_OVERHEAD_BYTES: u64 = 1 << 20;
/// Longest recovery point objective, in seconds: ten years of 366 days.
pub const RPO_SECONDS: u64 = 10 * 366 * 86_400;
