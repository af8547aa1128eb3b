//! Where in a list a request asks to go on, by its parameters: `page=7`, `offset=350`, `cursor=eyJpZCI6N30`.
//! It is given the known fields of a request.
//! It promises a number or a keyed mark: what a cursor says stays here.

use super::fields::Fields;
use super::tables::Field;
use ahash::RandomState;
use heelguard_detectors::position::Position;

/// Digits of a page or record that is counted; longer ones are ids.
const DIGITS_MAX: usize = 15;

/// The position that is asked for; a number goes before a cursor. `marks` is known to the deployment alone.
pub(crate) fn of(fields: &Fields<'_>, marks: &RandomState) -> Option<Position> {
    let value = fields.get(Field::Position);
    if let Some(number) = value.and_then(number) {
        return Some(Position::Number(number));
    }
    let cursor = fields.get(Field::Cursor).or(value)?;
    Some(Position::Cursor(marks.hash_one(cursor)))
}

fn number(value: &[u8]) -> Option<u64> {
    if value.len() > DIGITS_MAX || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tables;
    use heelguard_detectors::identity::Location;

    /// `7`, or `a`, `b` … for cursors in the order they were met.
    fn told(queries: &[&'static str]) -> String {
        let (names, marks) = (tables::names(Vec::new(), tables::FIELDS), RandomState::new());
        let mut cursors = Vec::new();
        let mut word = |query: &&'static str| {
            let mut fields = Fields::default();
            fields.read_pairs(query.as_bytes(), Location::Query, &names);
            match of(&fields, &marks) {
                None => "-".to_owned(),
                Some(Position::Number(number)) => number.to_string(),
                Some(Position::Cursor(mark)) => {
                    let place = cursors.iter().position(|known| *known == mark).unwrap_or(cursors.len());
                    if place == cursors.len() {
                        cursors.push(mark);
                    }
                    char::from(b'a' + u8::try_from(place).unwrap()).to_string()
                }
            }
        };
        queries.iter().map(&mut word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn pages_and_offsets_are_numbers() {
        let queries =
            ["page=7", "offset=350&limit=50", "page%5Bnumber%5D=3", "$skip=20", "pageNumber=0", "Start=10"];
        assert_eq!(told(&queries), "7 350 3 20 0 10");
    }

    #[test]
    fn cursors_are_told_apart_and_no_more() {
        let queries =
            ["cursor=eyJpZCI6N30", "after=12345", "cursor=eyJpZCI6N30", "page=Mg%3D%3D", "next_token=x"];
        assert_eq!(told(&queries), "a b a c d");
    }

    #[test]
    fn what_is_no_position() {
        let queries = ["limit=50", "page=", "q=7", "number=4111111111111111", "cursor="];
        assert_eq!(told(&queries), "- - - - -");
        assert_eq!(told(&["offset=999999999999999", "offset=4111111111111111"]), "999999999999999 a");
    }
}
