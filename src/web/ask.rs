//! A request as the pages see it: its path and what stands behind the question mark, decoded.
//! It is given what a client sent, which may be anything.
//! It promises that a value is text, cut to `VALUE_CHARS_MAX`, and that a name is looked at once: the first counts.

/// Pairs of name and value that are looked at.
const PAIRS_MAX: usize = 32;
/// Letters of a value.
const VALUE_CHARS_MAX: usize = 600;

/// Names and values of a query or a form.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads `name=value&…`.
    pub(super) fn read(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(PAIRS_MAX).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name, true), decoded(value, true))
        });
        Self(pairs.collect())
    }

    /// The value of a name; empty where it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The same names and values with one of them set, as text; one without a value is left out.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let mut text = String::new();
        let kept = self.0.iter().filter(|(known, value)| known != name && !value.is_empty());
        let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in kept.chain((!value.is_empty()).then_some((name, value))) {
            text.push(if text.is_empty() { '?' } else { '&' });
            encode(&mut text, name);
            text.push('=');
            encode(&mut text, value);
        }
        text
    }
}

/// Percent-encoded text; in forms and queries a plus is a blank. What is no UTF-8 is replaced.
pub(super) fn decoded(text: &str, is_form: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = |place: usize| bytes.get(place).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) if is_form => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).chars().take(VALUE_CHARS_MAX).collect()
}

fn encode(out: &mut String, text: &str) {
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_is_read() {
        let pairs = Pairs::read("q=a%20b+c&q=second&x=%&y=%zz&z=%ff&=1&only");
        let values = ["q", "x", "y", "z", "only", "none"].map(|name| pairs.get(name));
        assert_eq!(values, ["a b c", "%", "%zz", "\u{fffd}", "", ""]);
        assert_eq!(Pairs::read(&"a=1&".repeat(1_000)).0.len(), PAIRS_MAX);
        assert_eq!(
            Pairs::read(&format!("a={}", "é".repeat(5_000))).get("a").chars().count(),
            VALUE_CHARS_MAX
        );
    }

    #[test]
    fn one_value_is_set_and_the_others_stay() {
        let pairs = Pairs::read("q=%3Cb%3E%26&page=3&severity=");
        assert_eq!(pairs.with("page", "4"), "?q=%3Cb%3E%26&page=4");
        assert_eq!(pairs.with("page", ""), "?q=%3Cb%3E%26");
        assert_eq!(Pairs::default().with("page", ""), "");
    }
}
