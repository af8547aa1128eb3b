//! Secrets in disguise: pieces of a text that are base64 or hexadecimal of something readable.
//! It is given a text and shows each piece as it reads when decoded, in every alignment.
//! It promises to wipe what it decoded, and to show nothing where random letters decode to noise.

use std::ops::Range;
use zeroize::Zeroizing;

/// The shortest secret that is looked for, in decoded bytes.
const READABLE_BYTES_MIN: usize = 6;
/// Base64 of as many bytes.
const BASE64_BYTES_MIN: usize = 8;
/// Hexadecimal of as many bytes.
const HEX_BYTES_MIN: usize = 12;
/// Letters of zeros.
const ABSENT: &[u8] = b"AAA";
/// A longer piece is looked at this far.
const PIECE_BYTES_MAX: usize = 4096;

/// Whether a piece of the text, decoded, could be somebody's secret.
pub(crate) fn reads_otherwise(text: &[u8]) -> bool {
    let mut found = false;
    readings(text, |_, _| found = true);
    found
}

/// Whether a piece of the text, decoded, holds this value.
pub(crate) fn says(text: &[u8], value: &[u8]) -> bool {
    let mut found = false;
    readings(text, |_, said| found |= memchr::memmem::find(said, value).is_some());
    found
}

/// Shows every piece that reads as something else: where it stands, and what it says.
pub(crate) fn readings(text: &[u8], mut show: impl FnMut(Range<usize>, &[u8])) {
    let mut at = 0usize;
    for piece in text.split(|&b| sextet(b).is_none()) {
        let range = at..at + piece.len();
        at = range.end + 1;
        let piece = piece.get(..PIECE_BYTES_MAX.min(piece.len())).unwrap_or(piece);
        if piece.len() >= BASE64_BYTES_MIN {
            // Behind letters that are not there, a byte that begins in the first one is whole in one of the alignments.
            let behind = Zeroizing::new([ABSENT, piece].concat());
            for from in 0..=ABSENT.len() {
                let letters = behind.get(from..).unwrap_or(&[]);
                if is_readable(base64(letters)) {
                    show(range.clone(), &Zeroizing::new(base64(letters).collect::<Vec<u8>>()));
                }
            }
        }
        if piece.len() >= HEX_BYTES_MIN {
            for run in piece.split(|b| !b.is_ascii_hexdigit()).filter(|run| run.len() >= HEX_BYTES_MIN) {
                for digits in [run, run.get(1..).unwrap_or(&[])] {
                    if is_readable(hex(digits)) {
                        show(range.clone(), &Zeroizing::new(hex(digits).collect::<Vec<u8>>()));
                    }
                }
            }
        }
    }
}

/// Whether enough bytes in a row are letters one can read, in ASCII or UTF-8. Noise hardly ever is.
fn is_readable(mut bytes: impl Iterator<Item = u8>) -> bool {
    let (mut run, mut following, mut width) = (0usize, 0usize, 0usize);
    // `any` goes through the letters of base64 group by group, which a `for` does not.
    bytes.any(|byte| {
        if following > 0 && byte & 0xC0 == 0x80 {
            following -= 1;
            run += if following == 0 { width } else { 0 };
        } else {
            // A letter that was begun and not ended is noise.
            run = if following > 0 { 0 } else { run };
            following = match byte {
                0xC2..=0xDF => 1,
                0xE0..=0xEF => 2,
                0xF0..=0xF4 => 3,
                _ => 0,
            };
            width = following + 1;
            run = match byte {
                0x20..=0x7E => run + 1,
                _ if following > 0 => run,
                _ => 0,
            };
        }
        run >= READABLE_BYTES_MIN
    })
}

/// Both alphabets of RFC 4648; letters left over at the end say less than a byte.
fn base64(letters: &[u8]) -> impl Iterator<Item = u8> {
    letters.chunks(4).flat_map(|four| {
        let bits = four.iter().filter_map(|&b| sextet(b)).fold(0u32, |bits, six| bits << 6 | u32::from(six));
        let [_, bytes @ ..] = (bits << (6 * (4 - four.len()))).to_be_bytes();
        bytes.into_iter().take(four.len() - 1)
    })
}

fn hex(digits: &[u8]) -> impl Iterator<Item = u8> {
    let value = |b: &u8| char::from(*b).to_digit(16).unwrap_or(0) as u8;
    digits.chunks_exact(2).map(move |pair| pair.iter().fold(0, |byte, b| byte << 4 | value(b)))
}

const fn sextet(b: u8) -> Option<u8> {
    match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};

    fn shows(text: &str, secret: &str) -> bool {
        let mut shown = false;
        readings(text.as_bytes(), |_, said| {
            shown |= memchr::memmem::find(said, secret.as_bytes()).is_some();
        });
        shown
    }

    #[test]
    fn a_secret_is_read_in_every_alignment_and_alphabet() {
        let secret = "Hüsky-9911?>";
        for before in ["", "u", "us", "user:"] {
            for after in ["", "!", "!!"] {
                let whole = format!("{before}{secret}{after}");
                let hex: String = whole.bytes().map(|b| format!("{b:02X}")).collect();
                for coded in [BASE64_STANDARD.encode(&whole), BASE64_URL_SAFE_NO_PAD.encode(&whole), hex] {
                    assert!(shows(&format!("tool/1 ({coded})"), secret), "{coded}");
                    assert!(shows(&format!("x-{coded}"), secret), "{coded}");
                }
            }
        }
    }

    #[test]
    fn a_secret_is_read_where_the_letters_before_its_own_are_missing() {
        for before in ["", "u", "us", "usr"] {
            let coded = BASE64_STANDARD.encode(format!("{before}Husky-9911"));
            let own = &coded[before.len() * 8 / 6..];
            assert!(shows(&format!("%%*{own}"), "Husky-9911"), "{own}");
            assert!(!shows(&format!("%%*{}", &own[2..]), "Husky-9911"), "{own}");
        }
    }

    #[test]
    fn ordinary_texts_are_what_they_say() {
        for text in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
            "AcmeMobile/5.2.0 (Linux; Android 15; Pixel 8) okhttp/4.12.0",
            "/v1/customers/42/orders/ord-20931",
            "curl/8.7.1",
            "",
        ] {
            assert!(!reads_otherwise(text.as_bytes()), "{text}");
        }
        assert_eq!(base64(b"QUJDRA").collect::<Vec<_>>(), b"ABCD");
        assert_eq!(base64(b"A").count() + base64(b"").count(), 0);
    }
}
