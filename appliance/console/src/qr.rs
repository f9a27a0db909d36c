//! QR codes (ISO/IEC 18004): which modules are dark, and as text for a terminal.

use fast_qr::{ECL, QRBuilder};

/// Light modules around a code.
pub const QUIET: usize = 4;

/// What the terminal's letters are drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Light letters on dark, as most terminals are: light modules are drawn.
    Dark,
    /// Dark letters on light: dark modules are drawn.
    Light,
}

/// The rows of a code, dark modules true, without the light ones around; nothing if the text is too long for any code.
#[must_use]
pub fn modules(text: &str) -> Option<Vec<Vec<bool>>> {
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let rows = code.data.chunks(code.size).take(code.size);
    Some(rows.map(|row| row.iter().map(|module| module.value()).collect()).collect())
}

/// A code in letters of half blocks, two rows of modules a line, with the light modules around it; nothing if the text is
/// too long for any code. All lines are equally wide: as many columns as modules.
#[must_use]
pub fn drawn(text: &str, ground: Ground) -> Option<String> {
    let rows = modules(text)?;
    let side = rows.len().saturating_add(2 * QUIET);
    let dark = |x: usize, y: usize| {
        let row = y.checked_sub(QUIET).and_then(|y| rows.get(y));
        row.and_then(|row| row.get(x.checked_sub(QUIET)?)).copied().unwrap_or(false)
    };
    let inked = |x: usize, y: usize| dark(x, y) == (ground == Ground::Light);
    let mut drawing = String::new();
    for y in (0..side).step_by(2) {
        for x in 0..side {
            // Below the last row of an odd number there is nothing: the terminal's ground.
            drawing.push(match (inked(x, y), y + 1 < side && inked(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        drawing.push('\n');
    }
    Some(drawing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a camera reads of a drawing: four dots a module.
    fn read(drawing: &str, ground: Ground) -> String {
        let mut rows: Vec<Vec<bool>> = Vec::new();
        for line in drawing.lines() {
            for upper in [true, false] {
                let ink = |c: char| c == '█' || c == if upper { '▀' } else { '▄' };
                rows.push(line.chars().map(|c| ink(c) == (ground == Ground::Light)).collect());
            }
        }
        let side = rows[0].len();
        let dark = |x: usize, y: usize| rows[y / 4][x / 4];
        let mut image = rqrr::PreparedImage::prepare_from_bitmap(side * 4, side * 4, dark);
        image.detect_grids()[0].decode().unwrap().1
    }

    #[test]
    fn a_camera_reads_what_was_written() {
        for text in ["7KA2-90QF-1".to_owned(), "0123-4567-89AB-CDEF-".repeat(90)] {
            for ground in [Ground::Dark, Ground::Light] {
                let drawing = drawn(&text, ground).unwrap();
                assert_eq!(read(&drawing, ground), text);
                let widths: Vec<usize> = drawing.lines().map(|line| line.chars().count()).collect();
                assert!(widths.iter().all(|width| *width == widths[0] && widths.len() == width.div_ceil(2)));
                assert_eq!(crate::escape_lines(&drawing), drawing);
            }
        }
    }

    #[test]
    fn too_much_is_no_code() {
        assert_eq!(drawn(&"a".repeat(5000), Ground::Dark), None);
    }
}
