//! The NSS key-log form: a label, a client random and a secret a line, in hexadecimal digits.
//! It is given text and gives its lines as secrets, lines of no use, or junk.
//! It promises to read any bytes, with any line ends, and to keep nothing of a line that it does not give.

use super::secret::{Label, Secret};
use zeroize::Zeroize as _;

/// A line longer than this is none: the longest has a label of 31 letters and 160 digits.
pub(super) const LINE_BYTES_MAX: usize = 1_024;

/// Labels that are known and of no use here: exporters, and premaster secrets by what they were sealed as.
const UNUSED: [&[u8]; 4] = [b"EXPORTER_SECRET", b"EARLY_EXPORTER_SECRET", b"RSA", b"ECH_SECRET"];

/// What a line says.
pub(super) enum Line {
    Secret {
        label: Label,
        client_random: [u8; 32],
        secret: Secret,
    },
    /// It is known what it says, and it makes nothing readable.
    Unused,
    /// Nobody knows what it says.
    Junk,
}

/// The lines of a text. Empty ones and comments are passed over.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = Line> {
    text.split(|byte| matches!(byte, b'\n' | b'\r')).filter_map(line)
}

fn line(text: &[u8]) -> Option<Line> {
    let text = text.trim_ascii_start();
    if text.is_empty() || text.starts_with(b"#") {
        return None;
    }
    if text.len() > LINE_BYTES_MAX {
        return Some(Line::Junk);
    }
    Some(secret(text.trim_ascii_end()).unwrap_or(Line::Junk))
}

/// `LABEL client_random secret`; `None` for what is something else.
fn secret(text: &[u8]) -> Option<Line> {
    let mut words = text.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let word = words.next()?;
    if UNUSED.contains(&word) || word.starts_with(b"QUIC_") {
        return Some(Line::Unused);
    }
    let label = Label::of(word)?;
    let mut client_random = [0; 32];
    let mut bytes = [0; 48];
    let random_len = digits(words.next()?, &mut client_random)?;
    let secret = digits(words.next()?, &mut bytes)
        .filter(|len| random_len == client_random.len() && label.may_have(*len) && words.next().is_none())
        .and_then(|len| Secret::new(bytes.get(..len)?));
    bytes.zeroize();
    Some(Line::Secret { label, client_random, secret: secret? })
}

/// Reads pairs of digits; how many bytes they are.
fn digits(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let out = out.get_mut(..pairs.len())?;
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(pairs.len())
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

    /// What each line is: `s` a secret, `u` of no use, `j` junk.
    fn check(text: &str, expected: &str) {
        let letter = |line| match line {
            Line::Secret { client_random, .. } if client_random[29..] == [0xdd, 0xee, 0xff] => 's',
            Line::Secret { .. } => '?',
            Line::Unused => 'u',
            Line::Junk => 'j',
        };
        assert_eq!(lines(text.as_bytes()).map(letter).collect::<String>(), expected, "{text}");
    }

    #[test]
    fn each_label_has_its_line() {
        let (short, long) = ("5a".repeat(32), "A5".repeat(48));
        check(&format!("CLIENT_RANDOM {RANDOM} {long}"), "s");
        for label in
            ["CLIENT_EARLY_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"]
        {
            check(&format!("{label} {RANDOM} {short}\n{label} {RANDOM} {long}"), "ss");
        }
        check(&format!("EXPORTER_SECRET {RANDOM} {long}\nRSA 0011223344556677 {long}"), "uu");
        check(&format!("QUIC_CLIENT_TRAFFIC_SECRET_0 {RANDOM} {long}"), "u");
    }

    #[test]
    fn line_ends_blanks_and_comments_are_all_the_same() {
        let line = format!("CLIENT_RANDOM {RANDOM} {}", "a5".repeat(48));
        check(&format!("# SSLKEYLOGFILE\r\n\r\n{line}\r\n\n  {line}  \n\t#{line}\n{line}"), "sss");
        check(&format!("CLIENT_RANDOM\t{RANDOM}  {}\r", "a5".repeat(48)), "s");
    }

    #[test]
    fn what_is_nearly_a_line_is_junk() {
        let long = "a5".repeat(48);
        for line in [
            "CLIENT_RANDOM".to_owned(),
            format!("CLIENT_RANDOM {RANDOM}"),
            format!("CLIENT_RANDOM {RANDOM} {}", "a5".repeat(32)),
            format!("CLIENT_RANDOM {RANDOM} {long}a5"),
            format!("CLIENT_RANDOM {RANDOM} {long} more"),
            format!("CLIENT_RANDOM {RANDOM}00 {long}"),
            format!("CLIENT_RANDOM {} {long}", RANDOM.get(2..).unwrap_or_default()),
            format!("CLIENT_RANDOM {RANDOM} {}g", "a5".repeat(47)),
            format!("CLIENT_RANDOM {RANDOM} a{long}"),
            format!("client_random {RANDOM} {long}"),
            format!("CLIENT_TRAFFIC_SECRET_1 {RANDOM} {long}"),
            "\u{fffd}\0".to_owned(),
        ] {
            check(&line, "j");
        }
    }
}
