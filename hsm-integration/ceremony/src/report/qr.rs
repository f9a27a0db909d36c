//! QR codes as drawings.

use maud::{Markup, html};
use pouch_console::qr::{QUIET, modules};
use std::fmt::Write as _;

/// The code of `text` as a drawing, black on white; nothing if the text is too long for any code.
pub(super) fn svg(text: &str, title: &str) -> Markup {
    let Some(dark) = modules(text) else { return html! {} };
    let side = dark.len().saturating_add(2 * QUIET);
    html! {
        svg class="qr" role="img" aria-label=(title) viewBox={ "0 0 " (side) " " (side) } {
            rect width=(side) height=(side) fill="#fff" {}
            path d=(path(&dark)) fill="#000" shape-rendering="crispEdges" {}
        }
    }
}

/// One rectangle for each run of dark modules in a row.
fn path(rows: &[Vec<bool>]) -> String {
    let mut path = String::new();
    for (y, row) in rows.iter().enumerate() {
        let mut x = 0usize;
        for run in row.chunk_by(|one, other| one == other) {
            if run.first() == Some(&true) {
                // Writing into a string does not fail.
                let _ = write!(path, "M{} {}h{}v1h-{}z", x + QUIET, y + QUIET, run.len(), run.len());
            }
            x = x.saturating_add(run.len());
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws what the path says, four dots a module, as a camera would see it.
    fn drawn(markup: &str) -> (usize, Vec<bool>) {
        let side: usize = markup.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let dots = side * 4;
        let mut dark = vec![false; dots * dots];
        let path = markup.split("d=\"").nth(1).unwrap().split('"').next().unwrap();
        for run in path.split('M').skip(1) {
            let (at, rest) = run.split_once('h').unwrap();
            let (x, y) = at.split_once(' ').unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            let length: usize = rest.split('v').next().unwrap().parse().unwrap();
            for (dy, dx) in (0..4).flat_map(|dy| (0..length * 4).map(move |dx| (dy, dx))) {
                dark[(y * 4 + dy) * dots + x * 4 + dx] = true;
            }
        }
        (dots, dark)
    }

    #[test]
    fn another_reader_reads_it() {
        for text in [format!("OPENPGP4FPR:{}", "8F9C".repeat(16)), format!("OPENPGP4FPR:{}", "01AB".repeat(10))] {
            let markup = svg(&text, "fingerprint").into_string();
            let (dots, dark) = drawn(&markup);
            let mut image = rqrr::PreparedImage::prepare_from_bitmap(dots, dots, |x, y| dark[y * dots + x]);
            let grids = image.detect_grids();
            assert_eq!(grids.len(), 1, "{text}");
            assert_eq!(grids[0].decode().unwrap().1, text);
        }
    }

    #[test]
    fn what_fits_no_code_is_left_out() {
        assert_eq!(svg(&"x".repeat(5000), "t").into_string(), "");
    }
}
