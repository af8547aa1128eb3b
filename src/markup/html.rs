//! HTML that is safe by its types: markup is part of the program, everything else is text.
//! It is given fixed markup and any words, and escapes the words.
//! It promises that no word of traffic can become markup: `raw` takes nothing that is made at run time.

use crate::sinks::escape::{is_mark, is_unsafe};
use std::fmt::{self, Display, Write as _};

/// Letters of a word of traffic that are shown; the rest is counted. Longer than an e-mail address may be.
pub(crate) const WIRE_CHARS_MAX: usize = 200;

/// Marks on one letter: Vietnamese has two.
const MARKS_MAX: usize = 2;

/// A piece of a page.
#[derive(Clone, Default)]
pub(crate) struct Html(String);

impl Html {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds markup of ours.
    pub(crate) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds words, escaped for text and for quoted attributes.
    pub(crate) fn text(&mut self, words: impl Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(Escape { out: &mut self.0, marks: 0 }, "{words}");
        self
    }

    /// Adds a word of traffic: escaped, cut where it is overlong, and set apart, so that letters of a script that is
    /// written from the right turn nothing around them.
    pub(crate) fn wire(&mut self, word: &str) -> &mut Self {
        self.wire_within(word, WIRE_CHARS_MAX)
    }

    /// The same, for a word that has less room.
    pub(crate) fn wire_within(&mut self, word: &str, chars_max: usize) -> &mut Self {
        self.wire_with(word, chars_max, |html, shown| {
            html.text(shown);
        })
    }

    /// The same, for a name or a route: where there is no room it goes on in the next line at a joint, not within a word.
    pub(crate) fn jointed(&mut self, word: &str) -> &mut Self {
        self.wire_with(word, WIRE_CHARS_MAX, |html, shown| {
            let mut from = 0;
            // A dot joins the words of a host; numbers stay together, as addresses are read.
            let is_joint = |at: usize, joint: &str| {
                let next = shown.get(at + joint.len()..).and_then(|rest| rest.chars().next());
                at > 0 && (joint != "." || next.is_some_and(char::is_alphabetic))
            };
            let joints = shown.match_indices(['@', '/', '.']);
            for (at, _) in joints.filter(|(at, joint)| is_joint(*at, joint)) {
                html.text(shown.get(from..at).unwrap_or_default()).raw("<wbr>");
                from = at;
            }
            html.text(shown.get(from..).unwrap_or_default());
        })
    }

    fn wire_with(&mut self, word: &str, chars_max: usize, write: fn(&mut Self, &str)) -> &mut Self {
        self.raw("<bdi>");
        match word.char_indices().nth(chars_max) {
            None => write(self, word),
            Some((end, _)) => {
                let left = word.chars().count() - chars_max;
                write(self, word.get(..end).unwrap_or_default());
                self.raw("<span class=\"soft\">… ").text(grouped(left as u64)).raw(" more letters</span>");
            }
        }
        self.raw("</bdi>")
    }

    /// Adds a word of traffic as a part of an address on this page: what has a meaning there is percent-encoded.
    pub(crate) fn part(&mut self, word: &str) -> &mut Self {
        for &byte in word.as_bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) {
                self.0.push(char::from(byte));
            } else {
                let _ = write!(self.0, "%{byte:02X}");
            }
        }
        self
    }

    /// Adds another piece.
    pub(crate) fn add(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Escapes what is written through it.
struct Escape<'a> {
    out: &'a mut String,
    /// Marks on the last letter.
    marks: usize,
}

impl fmt::Write for Escape<'_> {
    fn write_str(&mut self, words: &str) -> fmt::Result {
        for c in words.chars() {
            self.marks = if is_mark(c) { self.marks + 1 } else { 0 };
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                c if is_unsafe(c) || self.marks > MARKS_MAX => write!(self.out, "\\u{{{:x}}}", u32::from(c))?,
                c => self.out.push(c),
            }
        }
        Ok(())
    }
}

/// A number in groups of three: `12 345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_neither_begins_markup_nor_ends_an_attribute() {
        let word = r#"<b a="1" c='2'>&amp;"#;
        let escaped = "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;";
        let written = |write: fn(&mut Html, &str)| {
            let mut html = Html::new();
            write(&mut html, word);
            html.into_string()
        };
        assert_eq!(written(|html, word| _ = html.text(word)), escaped);
        assert_eq!(written(|html, word| _ = html.wire(word)), format!("<bdi>{escaped}</bdi>"));
        assert_eq!(written(|html, word| _ = html.jointed(word)), format!("<bdi>{escaped}</bdi>"));
        let part = "%3Cb%20a%3D%221%22%20c%3D%272%27%3E%26amp%3B";
        assert_eq!(written(|html, word| _ = html.part(word)), part);
    }
}
