//! The zstd frame of a sealed part: exactly one, of exactly the stated size, with a checksum and without surprises.
//!
//! SPEC.md section 6; RFC 8878 section 3.1.1. The head is read here, by hand, before the library sees a byte: the
//! library would accept several frames, skippable frames, dictionaries, no checksum and windows of any size.

use pouch_format::{Rule, limits};
use zstd::bulk::Decompressor;
use zstd::zstd_safe;

/// Why bytes are not the frame of a part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Too short for a head, or cut off.
    #[error("the zstd frame is cut off after {found} bytes")]
    Truncated {
        /// Bytes found.
        found: usize,
    },
    /// Not the magic number of a zstd frame; skippable and legacy frames have others.
    #[error("the zstd magic number is {found:#010x}, not 0xfd2fb528")]
    Magic {
        /// The number found.
        found: u32,
    },
    /// The head lacks a content size or a checksum, names a dictionary, or uses a reserved bit.
    #[error("the zstd frame {flaw}")]
    Head {
        /// What is wrong with it.
        flaw: &'static str,
    },
    /// The window is larger than a reader keeps.
    #[error("the zstd frame wants a window of {window} bytes, more than {limit}")]
    Window {
        /// Bytes wanted.
        window: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The content size in the head is not the one in the manifest.
    #[error("the zstd frame holds {found} bytes, the manifest states {stated}")]
    Content {
        /// Bytes by the head of the frame.
        found: u64,
        /// Bytes by the manifest.
        stated: u64,
    },
    /// Bytes after the frame.
    #[error("{extra} bytes follow the zstd frame of {frame} bytes")]
    Trailing {
        /// Bytes of the frame.
        frame: usize,
        /// Bytes after it.
        extra: usize,
    },
    /// The blocks do not decompress to the stated size, or the checksum is wrong.
    #[error("the zstd frame is corrupt: {reason}")]
    Corrupt {
        /// What the library says.
        reason: String,
    },
}

impl FrameError {
    /// The rule that refuses.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self {
            FrameError::Magic { .. } | FrameError::Head { .. } | FrameError::Window { .. } => Rule::ZstdFrame,
            FrameError::Content { .. } | FrameError::Trailing { .. } => Rule::ZstdSize,
            FrameError::Truncated { .. } | FrameError::Corrupt { .. } => Rule::ZstdCorrupt,
        }
    }
}

/// What the head of a frame says.
struct Head {
    content: u64,
    window: u64,
}

/// Decompresses `frame` to exactly `stated` bytes.
///
/// `stated` must be within [`limits::PART_CONTENT_BYTES`], as the manifest's rules have checked. Memory: `stated` bytes.
///
/// # Errors
/// [`FrameError`].
pub(crate) fn decompress(
    decompressor: &mut Decompressor<'_>,
    frame: &[u8],
    stated: u64,
    content: &mut Vec<u8>,
) -> Result<(), FrameError> {
    let head = read_head(frame)?;
    if head.content != stated {
        return Err(FrameError::Content { found: head.content, stated });
    }
    if head.window > limits::WINDOW_BYTES {
        return Err(FrameError::Window { window: head.window, limit: limits::WINDOW_BYTES });
    }
    let length = zstd_safe::find_frame_compressed_size(frame).map_err(corrupt)?;
    if length != frame.len() {
        return Err(FrameError::Trailing { frame: length, extra: frame.len().saturating_sub(length) });
    }
    let size = usize::try_from(stated).map_err(|_| FrameError::Content { found: head.content, stated })?;
    // A buffer of exactly the stated size: the library writes no byte beyond it, and a bomb ends here.
    content.resize(size, 0);
    let done = decompressor
        .decompress_to_buffer(frame, content.as_mut_slice())
        .map_err(|e| FrameError::Corrupt { reason: e.to_string() })?;
    if done == size { Ok(()) } else { Err(FrameError::Content { found: done as u64, stated }) }
}

fn corrupt(code: usize) -> FrameError {
    FrameError::Corrupt { reason: zstd_safe::get_error_name(code).to_owned() }
}

/// RFC 8878 section 3.1.1.1: magic, descriptor, window, dictionary id, content size.
fn read_head(frame: &[u8]) -> Result<Head, FrameError> {
    const MAGIC: u32 = 0xFD2F_B528;
    let cut = || FrameError::Truncated { found: frame.len() };
    let (magic, rest) = frame.split_first_chunk::<4>().ok_or_else(cut)?;
    let magic = u32::from_le_bytes(*magic);
    if magic != MAGIC {
        return Err(FrameError::Magic { found: magic });
    }
    let (&descriptor, rest) = rest.split_first().ok_or_else(cut)?;
    let single_segment = descriptor & 0x20 != 0;
    let flaw = |flaw| Err(FrameError::Head { flaw });
    if descriptor & 0x08 != 0 {
        return flaw("uses a reserved bit");
    }
    if descriptor & 0x10 != 0 {
        return flaw("uses an unused bit");
    }
    if descriptor & 0x04 == 0 {
        return flaw("has no checksum");
    }
    if descriptor & 0x03 != 0 {
        return flaw("names a dictionary");
    }
    let (window, rest) = if single_segment {
        (None, rest)
    } else {
        let (&octet, rest) = rest.split_first().ok_or_else(cut)?;
        let base = 1u64 << (10 + (octet >> 3));
        (Some(base + (base >> 3) * u64::from(octet & 7)), rest)
    };
    let (width, bias) = match (descriptor >> 6, single_segment) {
        (0, false) => return flaw("does not state its content size"),
        (0, true) => (1, 0),
        (1, _) => (2, 256),
        (2, _) => (4, 0),
        _ => (8, 0),
    };
    let mut content = [0; 8];
    content.iter_mut().zip(rest.get(..width).ok_or_else(cut)?).for_each(|(to, from)| *to = *from);
    let content = u64::from_le_bytes(content).saturating_add(bias);
    Ok(Head { content, window: window.unwrap_or(content) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use zstd::bulk::Compressor;
    use zstd::zstd_safe::CParameter;

    fn frame(content: &[u8]) -> Vec<u8> {
        let mut compressor = Compressor::new(3).unwrap();
        compressor.set_parameter(CParameter::ChecksumFlag(true)).unwrap();
        compressor.compress(content).unwrap()
    }

    fn open(frame: &[u8], stated: u64) -> Result<Vec<u8>, FrameError> {
        let mut content = vec![1; 3];
        decompress(&mut Decompressor::new().unwrap(), frame, stated, &mut content).map(|()| content)
    }

    #[test]
    fn a_frame_opens() {
        for size in [1, 255, 256, 65_791, 65_792, 1 << 20] {
            let content = vec![7; size];
            assert_eq!(open(&frame(&content), size as u64).unwrap(), content);
        }
    }

    #[test]
    fn the_size_must_be_the_stated_one() {
        let frame = frame(&[7; 1000]);
        assert_eq!(open(&frame, 999), Err(FrameError::Content { found: 1000, stated: 999 }));
        assert_eq!(open(&frame, 1001), Err(FrameError::Content { found: 1000, stated: 1001 }));
    }

    #[test]
    fn two_frames_and_trailing_bytes_are_refused() {
        let one = frame(&[7; 1000]);
        let two = [one.clone(), one.clone()].concat();
        assert_eq!(open(&two, 1000), Err(FrameError::Trailing { frame: one.len(), extra: one.len() }));
        let skippable = [&one[..], &[0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0]].concat();
        assert_eq!(open(&skippable, 1000).unwrap_err().rule(), Rule::ZstdSize);
        assert_eq!(open(&skippable[one.len()..], 1000).unwrap_err().rule(), Rule::ZstdFrame);
    }

    #[test]
    fn checksum_dictionary_and_size_flags() {
        let good = frame(&[7; 1000]);
        for (mask, rule) in [(0x04, Rule::ZstdFrame), (0x01, Rule::ZstdFrame), (0x08, Rule::ZstdFrame)] {
            let mut bad = good.clone();
            bad[4] ^= mask;
            assert_eq!(open(&bad, 1000).unwrap_err().rule(), rule);
        }
        let mut unsized_ = Compressor::new(3).unwrap();
        unsized_.set_parameter(CParameter::ChecksumFlag(true)).unwrap();
        unsized_.set_parameter(CParameter::ContentSizeFlag(false)).unwrap();
        let bad = unsized_.compress(&[7; 100_000]).unwrap();
        assert_eq!(open(&bad, 100_000), Err(FrameError::Head { flaw: "does not state its content size" }));
    }

    #[test]
    fn a_window_over_the_limit_is_refused() {
        // 4-byte content size, window octet for 2^28.
        let mut bad = vec![0x28, 0xB5, 0x2F, 0xFD, 0x84, (28 - 10) << 3];
        bad.extend(1000u32.to_le_bytes());
        assert_eq!(open(&bad, 1000), Err(FrameError::Window { window: 1 << 28, limit: limits::WINDOW_BYTES }));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_refused_or_harmless() {
        let content: Vec<u8> = (0..2000u32).flat_map(|n| (n * n).to_le_bytes()).collect();
        let good = frame(&content);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            assert!(open(&bad, content.len() as u64).is_err(), "flip at {at}");
            assert!(open(&good[..at], content.len() as u64).is_err(), "cut at {at}");
        }
    }
}
