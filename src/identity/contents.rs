//! What the messages of an exchange hold, by names and types: parameters of the request, fields and classes of the answer.
//! It is given the parts of a request and an answer that identity has read already, and looks into a share of them.
//! It promises a cost that is bounded by message and by flow, and a choice that depends on the flow alone. The
//! names are those of the wire: the extractor makes them fit to be written.

mod classes;
mod kinds;
mod numbers;
mod tree;

use super::fields::Parts;
use super::json::{self, Value};
use super::names::Names;
use super::route;
use super::tables::Answered;
use super::urlencoded;
use crate::http::body::is_json;
use classes::Called;
use heelguard_detectors::contents::{DataClass, ParameterPlace, ValueType};
use std::borrow::Cow;
use std::ops::Range;
use tree::Tree;

/// The first exchanges of a flow, which are all looked into: most flows have few.
const FIRST_OF_FLOW: u32 = 3;
/// Of the others one in so many.
const ONE_IN: u32 = 16;
/// Bytes of a message that are looked at where it is looked at well: one in `ONE_IN` of a flow, the first among them.
const BYTES_MAX: usize = 1024;
/// Bytes of the others.
const BYTES_AT_A_GLANCE_MAX: usize = 256;
/// Parameters of one request, and fields of one answer.
pub(super) const NAMES_MAX: usize = 64;
/// Containers whose names are remembered for what is in them.
const AROUND_MAX: usize = 10;
/// A longer way to a member is left out.
pub(super) const NAME_BYTES_MAX: usize = 128;

/// Digits at the end of a word: `sha256`.
const DIGITS_MAX: usize = 3;
/// Consonants in a row that somebody can speak, two words of them.
const CONSONANTS_MAX: usize = 6;
/// Longest name that is taken for one without a closer look.
const SPELLED_BYTES_MAX: usize = 48;
/// What is as long and not spelled is a value.
const UNSPELLED_BYTES_MIN: usize = 16;

/// How much of the messages of an exchange is looked at, by its place in the flow.
pub(super) fn bytes_looked_at(ordinal: u32) -> Option<usize> {
    match ordinal {
        _ if ordinal.is_multiple_of(ONE_IN) => Some(BYTES_MAX),
        0..FIRST_OF_FLOW => Some(BYTES_AT_A_GLANCE_MAX),
        _ => None,
    }
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// The names, one a line.
    pub(super) names: Vec<u8>,
    parameters: Vec<(ParameterPlace, Range<usize>, ValueType)>,
    fields: Vec<(Range<usize>, ValueType)>,
    /// A bit for each class, in the order of `DataClass::ALL`.
    classes: u8,
    /// A message is longer than what was looked at.
    pub(super) is_cut: bool,
    /// Names were left out.
    pub(super) left_out: bool,
    /// A name may be there more than once.
    pub(super) repeats: bool,
}

impl Found {
    /// Looks at a query.
    pub(super) fn query(&mut self, query: &[u8]) {
        for (name, value) in urlencoded::pairs(query) {
            self.pair(ParameterPlace::Query, name, value);
        }
    }

    /// Looks at the body of a request, unpacked.
    pub(super) fn body<K: Copy>(
        &mut self,
        body: &[u8],
        content_type: Option<&[u8]>,
        bytes_max: usize,
        names: &Names<K>,
    ) {
        let Some(seen) = body.get(..bytes_max.min(body.len())) else { return };
        self.is_cut |= seen.len() < body.len();
        let is = |kind: &[u8]| {
            content_type.and_then(|t| t.get(..kind.len())).is_some_and(|head| head.eq_ignore_ascii_case(kind))
        };
        if is_json(body) {
            let mut tree = Tree::new();
            json::walk(seen, names, |member| {
                if let Some((kind, _)) = kinds::of(&member.value) {
                    tree.meet(&member, kind);
                }
            });
            self.left_out |= tree.is_cut;
            self.repeats |= tree.repeats;
            tree.each(|way, kind| self.parameter(ParameterPlace::Json, way, kind));
        } else if is(b"multipart/form-data") {
            for part in Parts::of(seen) {
                let kind = part.value.map_or(ValueType::String, kinds::of_word);
                self.parameter(ParameterPlace::Form, &name_of(part.name), kind);
            }
        } else if memchr::memchr(b'=', seen).is_some() {
            // The last pair may not be whole.
            let whole =
                if seen.len() < body.len() { memchr::memrchr(b'&', seen).unwrap_or(0) } else { seen.len() };
            for (name, value) in urlencoded::pairs(seen.get(..whole).unwrap_or(&[])) {
                self.pair(ParameterPlace::Form, name, value);
            }
        }
    }

    /// Looks at the body of an answer, unpacked.
    pub(super) fn answer(&mut self, body: &[u8], bytes_max: usize, names: &Names<Answered>) {
        let Some(seen) = body.get(..bytes_max.min(body.len())).filter(|_| is_json(body)) else { return };
        self.is_cut |= seen.len() < body.len();
        let mut tree = Tree::new();
        let mut around: [&[u8]; AROUND_MAX] = [&[]; AROUND_MAX];
        json::walk(seen, names, |member| {
            let Some((kind, value)) = kinds::of(&member.value) else { return };
            tree.meet(&member, kind);
            let around_it = around.get(member.depth).copied().unwrap_or_default();
            if let (Value::Object | Value::Array, Some(inside)) =
                (member.value, around.get_mut(member.depth + 1))
            {
                // Elements of a list are called what the list is called.
                *inside = if member.name.is_empty() { around_it } else { member.name };
            }
            let called = Called { name: member.name, around: around_it, known: member.key };
            let class = classes::of(value, kind, called);
            if let Some(class) = class {
                self.classes |= 1 << class as u8;
            }
        });
        self.left_out |= tree.is_cut;
        self.repeats |= tree.repeats;
        tree.each(|way, kind| {
            if let Some(name) = self.keep(way, self.fields.len()) {
                self.fields.push((name, kind));
            }
        });
    }

    /// The parameters, in order.
    pub(super) fn parameters(&self) -> impl ExactSizeIterator<Item = (ParameterPlace, &[u8], ValueType)> {
        self.parameters.iter().map(|(place, name, kind)| (*place, self.name(name), *kind))
    }

    /// The fields, in order.
    pub(super) fn fields(&self) -> impl ExactSizeIterator<Item = (&[u8], ValueType)> {
        self.fields.iter().map(|(name, kind)| (self.name(name), *kind))
    }

    /// The classes, each once.
    pub(super) fn classes(&self) -> Vec<DataClass> {
        DataClass::ALL.iter().copied().filter(|&class| self.classes >> class as u8 & 1 == 1).collect()
    }

    fn pair(&mut self, place: ParameterPlace, name: &[u8], value: &[u8]) {
        self.repeats = true;
        let value = urlencoded::decode(value);
        self.parameter(place, &name_of(name), kinds::of_word(&value));
    }

    fn parameter(&mut self, place: ParameterPlace, name: &[u8], kind: ValueType) {
        if let Some(name) = self.keep(name, self.parameters.len()) {
            self.parameters.push((place, name, kind));
        }
    }

    /// Keeps a name where there are `known` of its kind, if there is room.
    fn keep(&mut self, name: &[u8], known: usize) -> Option<Range<usize>> {
        if known >= NAMES_MAX || name.len() > NAME_BYTES_MAX {
            self.left_out = true;
            return None;
        }
        let start = self.names.len();
        self.names.extend_from_slice(name);
        let end = self.names.len();
        self.names.push(b'\n');
        Some(start..end)
    }

    fn name(&self, range: &Range<usize>) -> &[u8] {
        self.names.get(range.clone()).unwrap_or(&[])
    }
}

/// Whether a word stands where names do and is none: an id, an address, a date, or letters that nobody spells.
fn is_value(word: &[u8]) -> bool {
    !is_spelled(word) && (word.len() >= UNSPELLED_BYTES_MIN || route::is_value(word))
}

/// Whether somebody made up a word for others to read: `billing_address`, `twoFactorEnabledAt`, `sha256`, `TOTAL`.
/// Random letters have more capitals among them, or more consonants in a row.
fn is_spelled(word: &[u8]) -> bool {
    let (mut letters, mut capitals, mut digits, mut consonants) = (0_usize, 0_usize, 0_usize, 0_usize);
    for &byte in word {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {
                letters += 1;
                capitals += usize::from(byte.is_ascii_uppercase());
                consonants = if b"aeiouyAEIOUY".contains(&byte) { 0 } else { consonants + 1 };
                if digits > 0 || consonants > CONSONANTS_MAX {
                    return false;
                }
            }
            b'0'..=b'9' => digits += 1,
            b'_' | b'-' | b'$' => consonants = 0,
            0x80.. => letters += 1,
            _ => return false,
        }
    }
    let is_one_case = capitals == letters || capitals * 3 <= letters;
    letters > 0 && digits <= DIGITS_MAX && is_one_case && word.len() <= SPELLED_BYTES_MAX
}

/// A parameter's name without what is a value in it: `ids[{}]`, and `{}` where it has no name at all.
fn name_of(raw: &[u8]) -> Cow<'_, [u8]> {
    let decoded = urlencoded::decode(raw);
    let ends = |byte: &u8| matches!(byte, b'[' | b']' | b'.');
    let is_value = |word: &[u8]| word.contains(&b'@') || is_value(word);
    if !decoded.split(ends).any(is_value) {
        return decoded;
    }
    let mut name = Vec::with_capacity(decoded.len());
    for piece in decoded.split_inclusive(ends) {
        let (word, end) = match piece.split_last() {
            Some((last, word)) if ends(last) => (word, Some(*last)),
            _ => (piece, None),
        };
        name.extend_from_slice(if is_value(word) { b"{}" } else { word });
        name.extend(end);
    }
    Cow::Owned(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_looked_at_well_at_first_and_then_now_and_then() {
        let told: Vec<Option<usize>> = (0..17).map(bytes_looked_at).collect();
        let mut expected = vec![None; 17];
        for (place, bytes) in [(0, 1024), (1, 256), (2, 256), (16, 1024)] {
            expected[place] = Some(bytes);
        }
        assert_eq!(told, expected);
    }

    fn none() -> Names<Answered> {
        Names::new(std::iter::empty::<(&str, Answered)>())
    }

    #[test]
    fn names_are_spelled_and_values_are_not() {
        for name in [
            "id",
            "billing_address",
            "twoFactorEnabledAtDate",
            "shippingAddressLine1",
            "sha256",
            "TOTAL_AMOUNT",
            "$schema",
            "x-request-id",
            "e2e",
            "createdAt",
            "userID",
            "straßeUndHausnummer",
        ] {
            assert!(!is_value(name.as_bytes()), "{name}");
        }
        for value in [
            "4711",
            "C0012345",
            "user47110815",
            "tnbb4188906e52l9fo856k8e1irfcnzd",
            "jgWTwRuNtwSFFYsXfAuEjODAKPH",
            "mfzwizltmvrxezlu",
            "2026-11-21",
            "123e4567-e89b-12d3-a456-426614174000",
        ] {
            assert!(is_value(value.as_bytes()), "{value}");
        }
    }

    fn told(found: &Found) -> String {
        let parameters = found
            .parameters()
            .map(|(place, name, kind)| format!("{place} {} {kind}", String::from_utf8_lossy(name)));
        parameters.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn parameters_are_told_by_place_name_and_type() {
        let mut found = Found::default();
        found.query(b"page=2&q=a+b&ids[4711]=1&from=2026-01-04&user%5Bname%5D=&4711&big");
        assert_eq!(
            told(&found),
            "query page integer, query q string, query ids[{}] integer, query from date, query user[name] null, \
             query {} null, query big null"
        );
        let mut found = Found::default();
        found.body(br#"{"name":"x","lines":[{"qty":1}]}"#, None, BYTES_MAX, &none());
        assert_eq!(
            told(&found),
            "json name string, json lines array, json lines[] object, json lines[].qty integer"
        );
        let mut found = Found::default();
        found.body(b"a=true&b=x%40y.io&c", Some(b"application/x-www-form-urlencoded"), BYTES_MAX, &none());
        assert_eq!(told(&found), "form a boolean, form b email, form c null");
        let mut found = Found::default();
        let parts = b"--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n7\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nno\r\n--x--";
        found.body(parts, Some(b"multipart/form-data; boundary=x"), BYTES_MAX, &none());
        assert_eq!(told(&found), "form title integer, form file string");
    }

    #[test]
    fn what_is_cut_is_said_and_never_half_a_name() {
        let mut found = Found::default();
        found.body(b"first=1&second=2", None, 12, &none());
        assert_eq!((told(&found).as_str(), found.is_cut), ("form first integer", true));
        let mut found = Found::default();
        let many: String = (0..100).map(|n| format!("{}{}x=1&", char::from(b'a' + n % 26), n / 26)).collect();
        found.query(many.as_bytes());
        assert_eq!((found.parameters().len(), found.left_out), (NAMES_MAX, true));
        let long = format!("{}=1", "ab-".repeat(60));
        let mut found = Found::default();
        found.query(long.as_bytes());
        assert!(found.parameters().all(|(_, name, _)| name.len() <= NAME_BYTES_MAX));
    }

    #[test]
    fn a_card_is_one_by_the_name_of_the_object_around() {
        for (text, expected) in [
            (r#"{"payment":{"card":{"number":"4111111111111111"}}}"#, vec![DataClass::Card]),
            (r#"{"cards":[{"number":"4111111111111111"}]}"#, vec![DataClass::Card]),
            (r#"{"card":[{"number":"4111111111111111"}]}"#, vec![DataClass::Card]),
            (r#"{"order":{"number":"4111111111111111"},"card":{}}"#, vec![]),
            (r#"{"id":4111111111111111,"mail":"ann@example.com"}"#, vec![DataClass::Email]),
        ] {
            let mut found = Found::default();
            found.answer(text.as_bytes(), BYTES_MAX, &none());
            assert_eq!(found.classes(), expected, "{text}");
        }
    }
}
