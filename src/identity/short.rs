//! Searches in short texts, by the rarest letter of what is looked for: to prepare a searcher costs more than to look.
//! It is given a text and a word with the place of that letter in it.
//! It promises to find what `memmem` would.

/// Where `word` stands in `text`; `rare`: the place in it of a letter that is seldom met.
pub(crate) fn places<'t>(
    text: &'t [u8],
    word: &'static [u8],
    rare: usize,
) -> impl Iterator<Item = usize> + 't {
    let letter = word.get(rare).copied().unwrap_or(0);
    let begins = memchr::memchr_iter(letter, text).filter_map(move |at| at.checked_sub(rare));
    begins.filter(move |&from| text.get(from..).is_some_and(|rest| rest.starts_with(word)))
}

/// Whether `word` stands in `text`.
pub(crate) fn holds(text: &[u8], word: &'static [u8], rare: usize) -> bool {
    places(text, word, rare).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_wherever_it_stands() {
        for rare in 0..3 {
            assert!(
                holds(b"eyJ", b"eyJ", rare) && holds(b"xeyeyJ", b"eyJ", rare) && holds(b"eyJx", b"eyJ", rare)
            );
            assert!(
                !holds(b"", b"eyJ", rare) && !holds(b"ey", b"eyJ", rare) && !holds(b"yJ ey", b"eyJ", rare)
            );
            assert_eq!(places(b"eyJ.eyJ", b"eyJ", rare).collect::<Vec<_>>(), [0, 4]);
        }
    }
}
