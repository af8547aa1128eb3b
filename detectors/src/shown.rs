//! State as words, so that an operator can read why a rule spoke or kept silent.
//! A value gives a small tree of words, named parts and lists; the tree lays itself out in lines.
//! It promises lines of bounded length for state of bounded depth: of long lists the newest are shown, the rest counted.

use crate::transaction::Transaction;
use std::fmt::Write;

/// Things of a list that are shown; of more, the last ones, which are the newest.
const ITEMS_MAX: usize = 5;
/// Columns that a value may fill before it is broken into several lines.
const COLUMNS: usize = 120;

/// One value in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing worth a word: not known, not so, or empty.
    Nothing,
    /// One word, or several that belong together.
    Word(String),
    /// Parts by name; the parts of a pair have none.
    Parts(Vec<(&'static str, Shown)>),
    /// A list from oldest to newest, without its first `earlier`.
    List {
        /// How many are not shown.
        earlier: usize,
        /// The newest.
        items: Vec<Shown>,
    },
}

impl Shown {
    /// A value that has a name of its own.
    pub fn word<T: ToString + ?Sized>(value: &T) -> Self {
        Self::Word(value.to_string())
    }

    /// Parts by name, without those that say nothing. The fields of a tuple struct are called by numbers, which are
    /// no names.
    pub fn parts(parts: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        let named =
            |name: &'static str| if name.starts_with(|c: char| c.is_ascii_digit()) { "" } else { name };
        let telling = parts.into_iter().filter(|(_, part)| *part != Self::Nothing);
        let mut parts: Vec<_> = telling.map(|(name, part)| (named(name), part)).collect();
        match parts.as_slice() {
            [] => Self::Nothing,
            [("", _)] => parts.remove(0).1,
            _ => Self::Parts(parts),
        }
    }

    /// The end of a list.
    pub fn list(values: impl ExactSizeIterator<Item = Self>) -> Self {
        let earlier = values.len().saturating_sub(ITEMS_MAX);
        let items: Vec<Self> = values.skip(earlier).collect();
        if items.is_empty() { Self::Nothing } else { Self::List { earlier, items } }
    }

    /// The value on one line.
    pub fn line(&self) -> String {
        match self {
            Self::Nothing => "-".to_owned(),
            Self::Word(word) => word.clone(),
            Self::Parts(parts) => {
                let one = |(name, part): &(&str, Self)| match (*name, part) {
                    ("", _) => part.enclosed(),
                    (name, _) => format!("{name} {}", part.enclosed()),
                };
                let between = if self.is_named() { ", " } else { " " };
                parts.iter().map(one).collect::<Vec<_>>().join(between)
            }
            Self::List { earlier, items } => {
                let mut line = String::new();
                if *earlier > 0 {
                    // Writing to a string cannot fail.
                    let _ = write!(line, "{earlier} earlier; ");
                }
                line + &items.iter().map(Self::line).collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// The value under a heading, on as many lines as it needs, this far in.
    pub fn lines(&self, heading: &str, indent: usize) -> Vec<String> {
        let between = if heading.is_empty() { "" } else { " " };
        let line = format!("{:indent$}{heading}{between}{}", "", self.line());
        match self {
            Self::Parts(parts) if line.len() > COLUMNS => {
                let inside = parts.iter().flat_map(|(name, part)| part.lines(name, indent + 2));
                std::iter::once(format!("{:indent$}{heading}", "")).chain(inside).collect()
            }
            Self::List { earlier, items } if line.len() > COLUMNS => {
                let more = if *earlier > 0 { format!(" ({earlier} earlier)") } else { String::new() };
                let inside = items.iter().flat_map(|item| item.lines("-", indent + 2));
                std::iter::once(format!("{:indent$}{heading}{more}", "")).chain(inside).collect()
            }
            _ => vec![line],
        }
    }

    fn is_named(&self) -> bool {
        matches!(self, Self::Parts(parts) if parts.iter().any(|(name, _)| !name.is_empty()))
    }

    /// The value inside a line that goes on behind it.
    fn enclosed(&self) -> String {
        match self {
            Self::List { .. } => format!("[{}]", self.line()),
            Self::Parts(_) if self.is_named() => format!("({})", self.line()),
            _ => self.line(),
        }
    }
}

/// A key of a rule's table, with what the rule knows under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The table's name in the rule.
    pub table: &'static str,
    /// The key.
    pub key: Shown,
    /// What is known.
    pub state: Shown,
}

/// Every name that an alert, or an operator, could call somebody or something in this transaction by.
pub fn names(tx: &Transaction) -> Vec<String> {
    use crate::detector::About;
    let mut names = vec![
        tx.principal.key(),
        tx.principal.id.to_string(),
        tx.client.ip.to_string(),
        About::Client(tx.client.network()).to_string(),
    ];
    names.extend(tx.session.map(|session| session.id.to_string()));
    names.extend(tx.credentials.iter().map(|credential| credential.fingerprint.to_string()));
    names.extend(tx.device.map(|device| device.to_string()));
    if let Some(name) = tx.login.as_ref().and_then(|login| login.name.as_ref()) {
        names.extend([name.to_string(), format!("user:{name}")]);
    }
    if let Some(request) = &tx.request {
        let (method, host, route) = (&request.method, &request.host, &request.route);
        names.extend([host.to_string(), About::Endpoint { method, host, route, part: "" }.to_string()]);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Shown {
        Shown::word(text)
    }

    #[test]
    fn what_says_nothing_is_left_out_and_short_values_stay_on_a_line() {
        let shown = Shown::parts([
            ("count", word("2")),
            ("told_at", Shown::Nothing),
            ("last", Shown::parts([("factor", word("totp")), ("status", word("401"))])),
            ("hits", Shown::list(["a", "b"].into_iter().map(word))),
        ]);
        assert_eq!(shown.lines("key", 2), ["  key count 2, last (factor totp, status 401), hits [a; b]"]);
        assert_eq!(Shown::parts([("told_at", Shown::Nothing)]), Shown::Nothing);
        assert_eq!(Shown::parts([("0", word("it"))]), word("it"));
    }

    #[test]
    fn long_values_are_broken_and_long_lists_end_with_their_newest() {
        let long = "x".repeat(60);
        let items = (1..=7).map(|n| Shown::word(&format!("{n} {long}"))).collect::<Vec<_>>();
        let lines = Shown::parts([("seen", Shown::list(items.into_iter()))]).lines("key", 0);
        assert_eq!(lines.len(), 2 + ITEMS_MAX);
        assert_eq!(
            lines[..3],
            ["key".to_owned(), "  seen (2 earlier)".to_owned(), format!("    - 3 {long}")]
        );
    }
}
