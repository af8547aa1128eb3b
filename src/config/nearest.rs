//! The nearest known word to one that is not known.
//! It is given the word and the known ones and gives the one most likely meant.
//! It promises silence where nothing is near: a wrong hint is worse than none.

/// Two words this alike (Jaro-Winkler, 0 to 1) are the same word, typed badly.
const ALIKE: f64 = 0.82;

/// The known word nearest to `word`.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_mended_and_another_word_is_not() {
        let known = ["flows_max", "half_open_max", "idle_timeout_ms"];
        assert_eq!(nearest("flow_max", known), Some("flows_max"));
        assert_eq!(nearest("idle_timeout", known), Some("idle_timeout_ms"));
        assert_eq!(nearest("colour", known), None);
    }
}
