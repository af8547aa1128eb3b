//! A JSON object, written as it reads: members in the order they are put, what is absent or empty left out.
//! It is given names that need no escaping and values that serialise.
//! It promises text that is safe to look at, as everywhere else, and no allocation of its own.

use crate::sinks::escape::write_json;
use serde::Serialize;

/// The inside of an object or a list that is being written.
pub(in crate::sinks) struct Json<'a> {
    out: &'a mut Vec<u8>,
    /// The first value that could not be written.
    failed: Option<serde_json::Error>,
}

impl<'a> Json<'a> {
    /// Opens an object at the end of `out`.
    pub(in crate::sinks) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, failed: None }
    }

    /// Closes it.
    pub(in crate::sinks) fn end(self) -> serde_json::Result<()> {
        self.out.push(b'}');
        self.failed.map_or(Ok(()), Err)
    }

    /// A member.
    pub(in crate::sinks) fn put(&mut self, name: &str, value: impl Serialize) {
        self.name(name);
        self.value(&value);
    }

    /// A member, if there is something to say.
    pub(in crate::sinks) fn some(&mut self, name: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// A member that is an object, unless nothing is put into it.
    pub(in crate::sinks) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        let before = self.out.len();
        self.name(name);
        self.filled(before, [b'{', b'}'], fill);
    }

    /// A member that is a list, unless nothing is put into it.
    pub(in crate::sinks) fn list(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        let before = self.out.len();
        self.name(name);
        self.filled(before, [b'[', b']'], fill);
    }

    /// A member that is a list of these, unless there are none.
    pub(in crate::sinks) fn each(&mut self, name: &str, values: impl IntoIterator<Item = impl Serialize>) {
        self.list(name, |list| values.into_iter().for_each(|value| list.item(value)));
    }

    /// An item of a list.
    pub(in crate::sinks) fn item(&mut self, value: impl Serialize) {
        self.comma();
        self.value(&value);
    }

    /// An item of a list that is an object, unless nothing is put into it.
    pub(in crate::sinks) fn item_object(&mut self, fill: impl FnOnce(&mut Self)) {
        let before = self.out.len();
        self.comma();
        self.filled(before, [b'{', b'}'], fill);
    }

    fn filled(&mut self, before: usize, [open, close]: [u8; 2], fill: impl FnOnce(&mut Self)) {
        self.out.push(open);
        let inside = self.out.len();
        fill(self);
        if self.out.len() == inside {
            self.out.truncate(before);
        } else {
            self.out.push(close);
        }
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// No value ends with an opening bracket: text ends with a quotation mark.
    fn comma(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn value(&mut self, value: &impl Serialize) {
        if let Err(error) = write_json(self.out, value) {
            self.failed.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fill: impl FnOnce(&mut Json<'_>)) -> String {
        let mut out = Vec::new();
        let mut json = Json::begin(&mut out);
        fill(&mut json);
        json.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn members_and_items_stand_in_the_order_they_are_put() {
        let text = written(|json| {
            json.put("a", 1);
            json.object("b", |b| {
                b.put("c", "{");
                b.each("d", ["[", "x"]);
            });
            json.list("e", |e| {
                e.item_object(|item| item.put("f", true));
                e.item(2);
            });
        });
        assert_eq!(text, r#"{"a":1,"b":{"c":"{","d":["[","x"]},"e":[{"f":true},2]}"#);
    }

    #[test]
    fn what_is_absent_or_empty_leaves_no_trace() {
        let text = written(|json| {
            json.some("a", None::<u8>);
            json.object("b", |b| b.object("c", |c| c.some("d", None::<&str>)));
            json.list("e", |e| e.item_object(|_| {}));
            json.each("f", [""; 0]);
            json.put("g", 1);
            json.object("h", |_| {});
        });
        assert_eq!(text, r#"{"g":1}"#);
    }

    #[test]
    fn text_from_traffic_is_spelled_out() {
        assert_eq!(written(|json| json.put("a", "\u{202e}\"\x1b")), "{\"a\":\"\\u202e\\\"\\u001b\"}");
    }
}
