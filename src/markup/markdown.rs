//! Markdown that is safe by its types, as `html` is: marks are part of the program, everything else is text.
//! It is given fixed marks and any words, and escapes the words.
//! It promises that no word of traffic becomes a mark, a link, a cell or a line of its own, in CommonMark and in GitHub's.

use super::html::{WIRE_CHARS_MAX, grouped};
use crate::sinks::escape::is_unsafe;
use std::fmt::{self, Display, Write as _};

/// A piece of a document.
#[derive(Default)]
pub(crate) struct Markdown(String);

impl Markdown {
    /// Adds marks of ours.
    pub(crate) fn raw(&mut self, marks: &'static str) -> &mut Self {
        self.0.push_str(marks);
        self
    }

    /// Adds words, escaped.
    pub(crate) fn text(&mut self, words: impl Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(Escape { out: &mut self.0, last: ' ' }, "{words}");
        self
    }

    /// Adds a word of traffic: escaped, and cut where it is overlong.
    pub(crate) fn wire(&mut self, word: &str) -> &mut Self {
        self.wire_within(word, WIRE_CHARS_MAX)
    }

    /// The same, for a word that has another room.
    pub(crate) fn wire_within(&mut self, word: &str, chars_max: usize) -> &mut Self {
        match word.char_indices().nth(chars_max) {
            None => self.text(word),
            Some((end, _)) => {
                let left = word.chars().count() - chars_max;
                self.text(word.get(..end).unwrap_or_default()).raw("… ");
                self.text(grouped(left as u64)).raw(" more letters")
            }
        }
    }

    /// Begins a table.
    pub(crate) fn table(&mut self, heads: &[&'static str]) -> &mut Self {
        self.raw("\n|");
        for head in heads {
            self.raw(" ").raw(head.trim_start_matches('#')).raw(" |");
        }
        self.raw("\n|");
        for head in heads {
            // A number stands at the right.
            self.raw(if head.starts_with('#') { "---:|" } else { "---|" });
        }
        self.raw("\n")
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Escapes what is written through it.
struct Escape<'a> {
    out: &'a mut String,
    last: char,
}

impl fmt::Write for Escape<'_> {
    fn write_str(&mut self, words: &str) -> fmt::Result {
        for c in words.chars() {
            match c {
                // `://` and `www.` would become links by themselves.
                '/' if self.last == ':' => self.out.push_str("\\/"),
                '.' if self.last == 'w' || self.last == 'W' => self.out.push_str("\\."),
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '$' | '!' | '@' => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                c if is_unsafe(c) => write!(self.out, "\\\\u{{{:x}}}", u32::from(c))?,
                c => self.out.push(c),
            }
            self.last = c;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(word: &str) -> String {
        let mut text = Markdown::default();
        text.wire(word);
        text.into_string()
    }

    #[test]
    fn a_word_of_traffic_is_no_mark_no_cell_and_no_line() {
        assert_eq!(told("a|b`c`<b>"), "a\\|b\\`c\\`\\<b\\>");
        assert_eq!(told("x\n# y\r\u{202e}"), "x\\\\u{a}\\# y\\\\u{d}\\\\u{202e}");
        assert_eq!(told("![i](http://e)"), "\\!\\[i\\](http:\\//e)");
        assert_eq!(told("www.e.example ann@e"), "www\\.e.example ann\\@e");
        assert_eq!(told("/v1/users/{id} ünï"), "/v1/users/{id} ünï");
        assert_eq!(told("\\|"), "\\\\\\|", "a mark that was escaped already is escaped again");
    }

    #[test]
    fn an_overlong_word_is_cut_and_its_rest_is_counted() {
        let text = told(&"x".repeat(WIRE_CHARS_MAX + 1_234));
        assert!(text.ends_with("x… 1\u{2009}234 more letters"), "{text}");
        assert_eq!(told(&"x".repeat(WIRE_CHARS_MAX)).len(), WIRE_CHARS_MAX);
    }
}
