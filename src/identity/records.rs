//! Counts the records of a JSON answer that nobody asks anything else of: the answers of plain API calls.
//! It is given the text and gives what `json::walk` would sum up, at half the cost; its long strings on the way.
//! It promises one pass over blocks of 64 bytes, no allocation, and the walk's own answer (a test compares them).

use super::json::{DEPTH_MAX, Summary};
use super::masks::{BLOCK, Blocks, mask, prefix_xor};
use super::shape;

/// Strings shorter than this are not shown: they are no keys of a known kind.
const LONG_STRING_BYTES_MIN: usize = shape::KEY_BYTES_MIN;

/// The one array that can be counted at a time: it stands in no other array.
struct List {
    /// Containers open inside and including it.
    depth: usize,
    commas: u32,
    /// An element is a container.
    records: bool,
    /// Behind the opening bracket, or behind the last comma.
    last: usize,
}

/// Walks the blocks.
#[derive(Default)]
struct Scanner {
    summary: Summary,
    depth: usize,
    list: Option<List>,
    roots: u32,
    /// All ones while a string goes on over the border of a block.
    in_string: u64,
    /// The first byte of the next block is escaped.
    escaped: bool,
    string_start: usize,
}

/// Sums up `bytes` and shows its longer strings, keys among them.
pub(crate) fn scan<'a>(bytes: &'a [u8], mut long_string: impl FnMut(&'a [u8])) -> Summary {
    let has_escapes = memchr::memchr(b'\\', bytes).is_some();
    let mut scanner = Scanner::default();
    for (index, block) in Blocks::of(bytes).iter().enumerate() {
        scanner.block(bytes, index * BLOCK, block, has_escapes, &mut long_string);
    }
    scanner.finish(bytes)
}

impl Scanner {
    fn block<'a>(
        &mut self,
        bytes: &'a [u8],
        from: usize,
        block: &[u8; BLOCK],
        has_escapes: bool,
        long_string: &mut impl FnMut(&'a [u8]),
    ) {
        let mut quotes = mask(block, |byte| byte == b'"');
        if has_escapes {
            quotes &= !self.escapes(mask(block, |byte| byte == b'\\'));
        }
        let inside = prefix_xor(quotes) ^ self.in_string;
        self.strings(bytes, from, quotes, inside, long_string);
        self.in_string = if inside >> 63 == 1 { u64::MAX } else { 0 };
        // `[`, `]`, `{`, `}` and only four other bytes become DEL when these bits are set.
        let mut brackets = mask(block, |byte| byte | 0x26 == 0x7F) & !inside;
        let counts = brackets != 0 || self.list.as_ref().is_some_and(|list| list.depth == self.depth);
        let commas = if counts { mask(block, |byte| byte == b',') & !inside } else { 0 };
        let mut below = 0u64;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            brackets &= brackets.wrapping_sub(1);
            let upto = (1u64 << at) - 1;
            self.commas(commas & upto & !below, from);
            below = upto;
            self.bracket(bytes, block.get(at as usize).copied().unwrap_or(b' '), from + at as usize);
        }
        self.commas(commas & !below, from);
    }

    /// Bytes behind an odd run of backslashes.
    fn escapes(&mut self, mut backslashes: u64) -> u64 {
        let mut escaped = u64::from(std::mem::take(&mut self.escaped));
        while backslashes != 0 {
            let bit = backslashes & backslashes.wrapping_neg();
            backslashes &= backslashes.wrapping_sub(1);
            if escaped & bit == 0 {
                self.escaped = bit == 1 << 63;
                escaped |= bit << 1;
            }
        }
        escaped
    }

    /// Shows the long strings that end in this block.
    fn strings<'a>(
        &mut self,
        bytes: &'a [u8],
        from: usize,
        quotes: u64,
        inside: u64,
        long_string: &mut impl FnMut(&'a [u8]),
    ) {
        if quotes == 0 {
            return;
        }
        let mut show = |begin: usize, end: usize| {
            if end - begin >= LONG_STRING_BYTES_MIN
                && let Some(text) = bytes.get(begin..end)
            {
                long_string(text);
            }
        };
        if self.in_string != 0 {
            show(self.string_start, from + quotes.trailing_zeros() as usize);
        }
        let mut long = long_ones(quotes, inside);
        while long != 0 {
            let begin = long.trailing_zeros() + 1;
            long &= long.wrapping_sub(1);
            let ends = quotes >> begin;
            if ends != 0 {
                let begin = from + begin as usize;
                show(begin, begin + ends.trailing_zeros() as usize);
            }
        }
        // Of a string that goes on the last quote is the first.
        self.string_start = from + BLOCK - quotes.leading_zeros() as usize;
    }

    /// Commas count where they stand directly in the list.
    fn commas(&mut self, commas: u64, from: usize) {
        if let Some(list) = self.list.as_mut().filter(|list| commas != 0 && list.depth == self.depth) {
            list.commas = list.commas.saturating_add(commas.count_ones());
            list.last = from + 64 - commas.leading_zeros() as usize;
        }
    }

    fn bracket(&mut self, bytes: &[u8], byte: u8, at: usize) {
        match byte {
            b'{' | b'[' => {
                if self.depth == 0 {
                    self.roots = self.roots.saturating_add(1);
                }
                if let Some(list) = self.list.as_mut().filter(|list| list.depth == self.depth) {
                    list.records = true;
                }
                self.depth += 1;
                self.summary.beyond_limit |= self.depth > DEPTH_MAX;
                if byte == b'[' && self.list.is_none() {
                    self.list = Some(List { depth: self.depth, commas: 0, records: false, last: at + 1 });
                }
            }
            b'}' | b']' => {
                if let Some(list) = self.list.take_if(|list| list.depth == self.depth) {
                    self.count(&list, bytes.get(list.last..at).unwrap_or(&[]), false);
                }
                self.depth = self.depth.saturating_sub(1);
            }
            // `Y`, `_`, `y` and DEL share the mask; none of them is JSON outside a string.
            _ => {}
        }
    }

    fn finish(mut self, bytes: &[u8]) -> Summary {
        if let Some(list) = self.list.take() {
            self.count(&list, bytes.get(list.last..).unwrap_or(&[]), true);
        }
        if self.roots > 1 {
            (self.summary.items, self.summary.items_cut) = (Some(self.roots), false);
        }
        self.summary
    }

    /// `tail`: what stands behind the last comma; nothing there is no element.
    fn count(&mut self, list: &List, tail: &[u8], cut: bool) {
        let items = list.commas.saturating_add(u32::from(tail.iter().any(|b| !b.is_ascii_whitespace())));
        let is_list = list.records || list.depth == 1 || items == 0;
        if is_list && self.summary.items.is_none_or(|most| items > most) {
            (self.summary.items, self.summary.items_cut) = (Some(items), cut);
        }
    }
}

/// Where strings begin of which this block holds all, quotes apart, if they are long ones.
fn long_ones(quotes: u64, inside: u64) -> u64 {
    const { assert!(LONG_STRING_BYTES_MIN == 1 + 2 + 4 + 8 + 3) };
    // Nineteen bits in a row: the opening quote and eighteen letters.
    quotes & [1, 2, 4, 8, 3].iter().fold(inside, |rows, shift| rows & rows >> shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::json;
    use crate::identity::names::Names;
    use proptest::prelude::*;

    fn walked(text: &[u8]) -> Summary {
        json::walk(text, &Names::<u8>::new([("key", 1)]), |_| {})
    }

    fn scanned(text: &[u8]) -> Summary {
        scan(text, |_| {})
    }

    #[test]
    fn the_scan_counts_as_the_walk_does() {
        for text in [
            "",
            "[]",
            "[1, 2,3]",
            r#"{"results":[]}"#,
            r#"{"a":["x","y"]}"#,
            r#"{"a":[{"b":"},{\\\"["},{"c":[1,2]}],"d":[{}]}"#,
            r#"{"list":[[1,2],[3]],"x":"\\"}"#,
            "{}\n{}\n{}",
            r#"{"a":[{"b":1},"#,
            r#"{"a":[{"b":"#,
        ] {
            assert_eq!(scanned(text.as_bytes()), walked(text.as_bytes()), "{text}");
        }
        let many = format!("{{\"data\":[{}]}}", vec![r#"{"id":"x\"1","tags":["a","b"]}"#; 1000].join(","));
        assert_eq!(scanned(many.as_bytes()), walked(many.as_bytes()));
        assert!(scanned("[".repeat(200_000).as_bytes()).beyond_limit);
    }

    /// The strings that a walk meets, if no key and no letter is escaped.
    fn long_strings(text: &[u8]) -> Vec<Vec<u8>> {
        let strings = text.split(|&b| b == b'"').skip(1).step_by(2);
        strings.filter(|s| s.len() >= LONG_STRING_BYTES_MIN).map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn long_strings_are_shown_wherever_a_block_ends() {
        for pad in 0..200 {
            let text =
                format!("{}{{\"k\":\"sk_live_4eC39HqLyjWDarjtT1zdp7dc\",\"s\":\"short\"}}", " ".repeat(pad));
            let mut seen = Vec::new();
            scan(text.as_bytes(), |s| seen.push(s));
            assert_eq!(seen, [b"sk_live_4eC39HqLyjWDarjtT1zdp7dc".as_slice()]);
        }
    }

    /// A value of JSON, written with odd blanks and escapes.
    fn value() -> impl Strategy<Value = String> {
        let text = prop::sample::select(vec![
            r#""a""#,
            r#""\\""#,
            r#""\"""#,
            r#""],[{""#,
            r#""\\\"x""#,
            r#""yY_, ""#,
        ]);
        let leaf = prop_oneof![
            text.prop_map(str::to_owned),
            (0..999u32).prop_map(|n| n.to_string()),
            Just("null".to_owned())
        ];
        leaf.prop_recursive(5, 200, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(|v| format!("[{}]", v.join(" , "))),
                prop::collection::vec(inner, 0..6).prop_map(|v| format!(
                    "{{{}}}",
                    v.iter().map(|m| format!("\"k\": {m}")).collect::<Vec<_>>().join(",")
                )),
            ]
        })
    }

    proptest! {
        #[test]
        fn whole_documents_are_summed_up_alike(text in value()) {
            prop_assume!(text.starts_with(['{', '[']));
            prop_assert_eq!(scanned(text.as_bytes()), walked(text.as_bytes()));
        }

        #[test]
        fn all_long_strings_are_shown(lengths in prop::collection::vec((0..20usize, 0..150usize), 0..20)) {
            let pieces = lengths.iter().map(|(gap, len)| format!("{}\"{}\"", ",".repeat(*gap), "x".repeat(*len)));
            let text = pieces.collect::<String>();
            let mut shown = Vec::new();
            scan(text.as_bytes(), |s| shown.push(s.to_vec()));
            prop_assert_eq!(shown, long_strings(text.as_bytes()));
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(prop::sample::select(b"[]{}\",:\\ a1".to_vec()), 0..400)) {
            scanned(&bytes);
        }
    }
}
