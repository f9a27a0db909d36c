//! Codes of what is missing, right and wrong.

use pouch_carry::missing::Gaps;

use super::read;
use crate::vectors::Vector;

const STREAM: u64 = 0x0123_4567_89ab_cdef;

fn gaps(gaps: &[(u32, u32, u16)]) -> Gaps {
    Gaps::new(gaps.iter().flat_map(|(first, count, need)| (*first..first + count).map(|block| (block, *need))))
}

pub(super) fn all() -> Vec<Vector> {
    let three = gaps(&[(100_000, 64, 1024), (350_000, 128, 1024), (744_000, 37, 300)]);
    let code = three.encode(STREAM);
    let many = Gaps::new((0..5000).map(|number| (number * 149, 8)));
    let good = |name: &str, comment: &str, code: &str| {
        let gaps = Gaps::decode(code).map(|(_, gaps)| read::print(&gaps)).unwrap_or_default();
        Vector::expecting("missing", name, "accepted", comment, code.into()).with("gaps", gaps)
    };
    let bad =
        |name: &str, comment: &str, code: &str| Vector::expecting("missing", name, "LINK-CODE", comment, code.into());
    let swapped = {
        let mut letters: Vec<char> = code.chars().collect();
        letters.swap(11, 12);
        letters.into_iter().collect::<String>()
    };
    let other = |letter: char| if letter == '9' { 'S' } else { '9' };
    let misheard: String =
        code.chars().enumerate().map(|(at, letter)| if at == 16 { other(letter) } else { letter }).collect();
    vec![
        good("one", "one block that lacks little", &gaps(&[(0, 1, 3)]).encode(STREAM)),
        good("last", "the last block that there can be", &gaps(&[(u32::MAX - 1, 1, 1024)]).encode(STREAM)),
        good("three", "three gaps of a tebibyte", &code),
        good(
            "touching",
            "two gaps that touch, with different needs",
            &gaps(&[(5, 100, 1024), (105, 100, 20)]).encode(STREAM),
        ),
        good("many", "5000 gaps, joined until they fit 1800 characters", &many.encode(STREAM)),
        good(
            "spoken",
            "lower case, spaces, o for 0 and l for 1",
            &code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l"),
        ),
        bad("misheard", "one character is another", &misheard),
        bad("swapped", "two neighbours changed places", &swapped),
        bad(
            "lost",
            "a character is lost",
            &code.chars().enumerate().filter(|(at, _)| *at != 6).map(|(_, letter)| letter).collect::<String>(),
        ),
        bad("doubled", "a character is there twice", &format!("{}{code}", code.get(..1).unwrap_or_default())),
        bad("letter-u", "a letter that no code has", &code.replacen(|letter: char| letter.is_ascii_digit(), "U", 1)),
        bad("short", "nine characters", "0000-0000-0"),
        bad("empty", "no characters", ""),
        bad("long", "3601 characters", &"0".repeat(3601)),
    ]
}
