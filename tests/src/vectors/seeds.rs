//! What the fuzz targets start from: the bytes of the vectors, as each target takes them.

use std::fs;
use std::path::Path;

use pouch_archive::{Budget, FrameWriter, Mode, WalkError, walk};
use pouch_carry::resume::{BlockRecord, BlockState};
use pouch_carry::{Bitmap, BlockHash};
use pouch_format::Profile;

use super::message::{Sealer, part};
use super::{Folder, Result, Vector, read, sha256};
use crate::link_vectors;

/// The bit of a first byte that says: profile `rfc4880`.
pub const OLD_PROFILE: u8 = 1;
/// The bit of a first byte that says: not sealed yet, but what is to be encrypted.
pub const PLAIN: u8 = 2;
/// The bit of a first byte that says: not even a packet yet, but the frame.
pub const FRAME: u8 = 4;

/// The bit of a first byte that says: profile `rfc9980`, unless the one of [`OLD_PROFILE`] is set too.
pub const POST_QUANTUM: u8 = 8;

/// Writes seeds to `to`, a folder for each target.
///
/// # Errors
/// A vector is malformed, or the disk fails.
pub fn write(folder: &Folder, to: &Path) -> Result<usize> {
    let mut count = 0;
    for vector in folder.vectors()? {
        let bytes = vector.bytes()?;
        if bytes.len() > 64 << 10 {
            continue;
        }
        for (target, seed) in seeds(&vector, bytes)? {
            keep(to, target, &seed)?;
            count += 1;
        }
    }
    for vector in link_vectors::kept()? {
        let bytes = vector.bytes()?;
        match vector.kind() {
            // One datagram after the other.
            "stream" => {
                let mut rest = bytes.as_slice();
                while let Some((length, after)) = rest.split_first_chunk::<2>() {
                    let (datagram, after) =
                        after.split_at_checked(u16::from_be_bytes(*length).into()).unwrap_or_default();
                    keep(to, "datagram", datagram)?;
                    count += 1;
                    rest = after;
                }
                keep(to, "decoder", &bytes)?;
            }
            kind => keep(to, kind, &bytes)?,
        }
        count += 1;
    }
    let record = BlockRecord { state: BlockState::Open, have: Bitmap::default(), hash: BlockHash([1; 32]) };
    keep(to, "record", &record.to_bytes())?;
    Ok(count + 1)
}

fn keep(to: &Path, target: &str, seed: &[u8]) -> Result<()> {
    let place = to.join(target);
    fs::create_dir_all(&place)?;
    fs::write(place.join(sha256(seed)), seed)?;
    Ok(())
}

fn seeds(vector: &Vector, bytes: Vec<u8>) -> Result<Vec<(&'static str, Vec<u8>)>> {
    Ok(match vector.kind() {
        "manifest" => vec![("manifest", bytes)],
        "signature" => vec![("signature", bytes)],
        "index" => vec![("index", bytes)],
        "transit" => vec![("transit", bytes)],
        "archive" => vec![("frames", messages(&bytes)?), ("walker", bytes)],
        "part" => {
            let profile = read::profile(vector.need("profile")?)?;
            let of_profile = match profile {
                Profile::Rfc4880 => OLD_PROFILE,
                Profile::Rfc9580 => 0,
                Profile::Rfc9980 => POST_QUANTUM,
            };
            let mut seeds = vec![("part", [&[of_profile][..], &bytes].concat())];
            let deep = of_profile | PLAIN | FRAME;
            seeds.extend(frame_of(vector, bytes)?.map(|frame| ("part", [&[deep][..], &frame].concat())));
            seeds
        }
        _ => Vec::new(),
    })
}

/// The messages that the walker sends of an archive.
fn messages(archive: &[u8]) -> Result<Vec<u8>> {
    let mut messages = Vec::new();
    let mut writer = FrameWriter::new(&mut messages);
    if let Err(WalkError::Refused(refusal)) = walk(archive, Mode::Canonical, Budget::LIMITS, &mut writer) {
        writer.refused(&refusal)?;
    }
    drop(writer);
    Ok(messages)
}

/// The frame in a sealed part, if it is one packet's content there.
fn frame_of(vector: &Vector, sealed: Vec<u8>) -> Result<Option<Vec<u8>>> {
    if vector.expect()?.is_some() {
        return Ok(None);
    }
    let stated: pouch_format::Part = serde_json::from_str(vector.need("part")?)?;
    let key: Vec<u8> = super::unhex(vector.need("session-key")?)?;
    let Ok(key) = <[u8; 32]>::try_from(key) else { return Ok(None) };
    let key = pouch_open::PouchKey::from_session_key(read::profile(vector.need("profile")?)?, &key, &stated, &sealed)?;
    Ok(Some(super::message::frame(&key.open(&stated, sealed)?)?))
}

/// A sealer whose session key every fuzzer knows.
#[must_use]
pub fn sealer(first: u8) -> Sealer {
    Sealer::for_nobody(match (first & OLD_PROFILE != 0, first & POST_QUANTUM != 0) {
        (true, _) => Profile::Rfc4880,
        (false, true) => Profile::Rfc9980,
        (false, false) => Profile::Rfc9580,
    })
}

/// A statement that fits sealed bytes around a frame, so that all readers behind size and digest are reached.
#[must_use]
pub fn stated(sealed: &[u8], frame: &[u8]) -> pouch_format::Part {
    let content = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten().unwrap_or(1);
    part(pouch_format::segment_file(0), sealed, frame.len() as u64, content.clamp(1, 1 << 20))
}
