//! Percent coding of `pkcs11:` attribute values (RFC 7512 section 2.3 and its ABNF).

/// Characters that may stand for themselves in a path attribute: unreserved and `pk11-res-avail` and `&`.
const PATH_SAFE: &[u8] = b"-._~:[]@!$'()*+,=&";
/// The same for a query attribute: `&` separates there, `/`, `?` and `|` are free.
const QUERY_SAFE: &[u8] = b"-._~:[]@!$'()*+,=/?|";

/// The part of the URI that an attribute stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Path,
    Query,
}

impl Part {
    fn is_safe(self, byte: u8) -> bool {
        let safe = match self {
            Self::Path => PATH_SAFE,
            Self::Query => QUERY_SAFE,
        };
        byte.is_ascii_alphanumeric() || safe.contains(&byte)
    }
}

/// Decodes `%xx`; `None` when an escape is cut short or a character may not stand unescaped.
pub(super) fn decode(text: &str, part: Part) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let high = hex_digit(bytes.next()?)?;
                let low = hex_digit(bytes.next()?)?;
                out.push(high << 4 | low);
            }
            byte if part.is_safe(byte) => out.push(byte),
            _ => return None,
        }
    }
    Some(out)
}

/// Encodes what may not stand for itself.
pub(super) fn encode(bytes: &[u8], part: Part, out: &mut String) {
    for &byte in bytes {
        if part.is_safe(byte) { out.push(char::from(byte)) } else { encode_byte(byte, out) }
    }
}

/// Encodes every byte, as RFC 7512 section 2.3 asks for `id`.
pub(super) fn encode_all(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        encode_byte(byte, out);
    }
}

fn encode_byte(byte: u8, out: &mut String) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    out.push('%');
    out.extend(DIGITS.get(usize::from(byte >> 4)));
    out.extend(DIGITS.get(usize::from(byte & 15)));
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
