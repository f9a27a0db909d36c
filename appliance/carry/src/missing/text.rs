//! Digits that can be read over the telephone: base 32 without I, L, O and U, in groups of four, with a check.

/// The digits, those of Crockford's base 32.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Digits of a group.
const GROUP: usize = 4;

/// Digits of the check.
pub(super) const CHECK: usize = 4;

/// The check's polynomial, of degree 20. Chosen so that in a code of up to 1500 digits any two wrong digits are noticed,
/// however far apart, and so is every other damage within four digits.
const POLYNOMIAL: u32 = 0x0018_7b0b;

/// The check of digits: the remainder, all ones before the first digit.
pub(super) fn check(digits: &[u8]) -> u32 {
    let bits = digits.iter().flat_map(|digit| (0..5).rev().map(move |bit| u32::from(digit >> bit & 1)));
    bits.fold(0x000f_ffff, |sum, bit| {
        let shifted = sum << 1;
        let carry = (sum >> 19) ^ bit;
        (if carry == 1 { shifted ^ POLYNOMIAL } else { shifted }) & 0x000f_ffff
    })
}

/// Digits as a person reads them.
pub(super) fn print(digits: &[u8]) -> String {
    let mut text = String::with_capacity(length(digits.len()));
    for (place, digit) in digits.iter().enumerate() {
        if place > 0 && place % GROUP == 0 {
            text.push('-');
        }
        text.push(ALPHABET.get(usize::from(*digit)).map_or('?', |letter| char::from(*letter)));
    }
    text
}

/// Characters of so many digits.
pub(super) const fn length(digits: usize) -> usize {
    digits + digits.saturating_sub(1) / GROUP
}

/// The digits of a text: in either case, O for 0, I and L for 1, hyphens and white space left out.
///
/// # Errors
/// The first other character.
pub(super) fn read(text: &str) -> Result<Vec<u8>, char> {
    text.chars()
        .filter(|letter| *letter != '-' && !letter.is_whitespace())
        .map(|letter| digit(letter).ok_or(letter))
        .collect()
}

fn digit(letter: char) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    (0..).zip(ALPHABET).find(|(_, one)| char::from(**one) == letter).map(|(digit, _)| digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_people_write_them() {
        let all: Vec<u8> = (0..32).collect();
        assert_eq!(print(&all), "0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV-WXYZ");
        assert_eq!(print(&all).len(), length(32));
        assert_eq!(read(&print(&all)).unwrap(), all);
        assert_eq!(read("o0 iIlL1\n-a").unwrap(), [0, 0, 1, 1, 1, 1, 1, 10]);
        assert_eq!((read("0U"), read("é")), (Err('U'), Err('é')));
    }

    /// The sum is linear, so two wrong digits go unnoticed only if the residues of both are the same.
    #[test]
    fn any_two_wrong_digits_are_noticed() {
        let residue = |digits: &[u8]| check(digits) ^ check(&vec![0; digits.len()]);
        let mut seen = std::collections::HashSet::from([0]);
        for place in 0..300 {
            for wrong in 1..32 {
                let mut digits = vec![0; place + 1];
                digits[0] = wrong;
                assert!(seen.insert(residue(&digits)));
            }
        }
    }
}
