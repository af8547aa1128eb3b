//! HTML that is safe by its types: markup is part of the program, everything else is text.
//! It is given fixed markup and any words, and escapes the words.
//! It promises that no word of traffic can become markup: `raw` takes nothing that is made at run time.

use crate::sinks::escape::is_unsafe;
use crate::sinks::record::Labels;
use std::fmt::{self, Display, Write as _};

/// A piece of a page.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds markup of ours.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds words, escaped for text and for quoted attributes.
    pub(super) fn text(&mut self, words: impl Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(Escape(&mut self.0), "{words}");
        self
    }

    /// Adds another piece.
    pub(super) fn add(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Escapes what is written through it.
struct Escape<'a>(&'a mut String);

impl fmt::Write for Escape<'_> {
    fn write_str(&mut self, words: &str) -> fmt::Result {
        for c in words.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c if is_unsafe(c) => write!(self.0, "\\u{{{:x}}}", u32::from(c))?,
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

/// A word that names this answer's style sheet and no other.
pub(super) struct Nonce([u8; 16]);

impl Nonce {
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

const STYLE: &str = include_str!("style.css");

/// A whole page.
pub(super) fn page(labels: &Labels, title: &str, content: &Html, nonce: &Nonce) -> String {
    let mut html = Html::new();
    html.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
        .raw("<meta name=\"color-scheme\" content=\"light dark\"><title>")
        .text(title)
        .raw(" · Heelguard</title><style nonce=\"")
        .text(nonce)
        .raw("\">")
        .raw(STYLE)
        .raw("</style></head><body><header><a class=\"brand\" href=\"/\">Heelguard</a><nav>")
        .raw(
            "<a href=\"/\">Overview</a><a href=\"/rules\">Detectors</a><a href=\"/stats\">Counters</a></nav>",
        )
        .raw("<span class=\"who\">")
        .text(&labels.tenant)
        .raw(" / ")
        .text(&labels.sensor)
        .raw("</span></header><main>")
        .add(content)
        .raw("</main></body></html>\n");
    html.0
}
