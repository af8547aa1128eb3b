//! What stands in braces in a line: `u{1..40}` makes a transaction of each number, `{totp,sms}` is gone through.
//! It is given a word and says how many transactions it makes, and how it reads in each of them.
//! It promises that a range which is none is refused; other braces, as of route templates, stay as they are.

/// What braces hold, to be gone through.
enum Braces<'a> {
    Range(usize, usize),
    List(&'a str),
}

/// `u{1..40}` in its parts: what stands before, what is gone through, what follows.
fn braces(word: &str) -> Option<(&str, Braces<'_>, &str)> {
    let (before, rest) = word.split_once('{')?;
    let (inside, after) = rest.split_once('}')?;
    if inside.contains(',') {
        return Some((before, Braces::List(inside), after));
    }
    let (low, high) = inside.split_once("..")?;
    let (low, high) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high).then_some((before, Braces::Range(low, high), after))
}

/// How many numbers the longest range of a word has.
pub(super) fn numbers(word: &str) -> Result<usize, String> {
    match braces(word) {
        Some((_, Braces::Range(low, high), after)) => Ok((high - low).saturating_add(1).max(numbers(after)?)),
        Some((_, Braces::List(_), after)) => numbers(after),
        None if word.contains('{') && word.contains("..") => {
            Err(format!("`{word}` has no range such as {{1..3}}"))
        }
        None => Ok(1),
    }
}

pub(super) fn expand(word: &str, copy: usize) -> String {
    let Some((before, inside, after)) = braces(word) else { return word.to_owned() };
    let rest = expand(after, copy);
    match inside {
        Braces::Range(low, high) => {
            format!("{before}{}{rest}", low + copy % (high - low).saturating_add(1))
        }
        Braces::List(list) => {
            let item = list.split(',').nth(copy % list.split(',').count()).unwrap_or_default();
            format!("{before}{item}{rest}")
        }
    }
}
