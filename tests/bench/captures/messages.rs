//! Messages of HTTP/1 taken apart, so that they can be written in another form.
//! It is given what the generator wrote: one whole message, without anything odd.
//! It promises nothing for messages of anybody else.

use std::borrow::Cow;

/// A message.
pub(super) struct Message<'m> {
    /// The first line.
    pub(super) start: &'m str,
    /// Names and values.
    pub(super) lines: Vec<(&'m str, &'m str)>,
    /// The body as it is framed.
    framed: &'m [u8],
}

impl<'m> Message<'m> {
    pub(super) fn of(message: &'m [u8]) -> Self {
        let end = message.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(message.len());
        let (head, body) = message.split_at(end);
        let mut lines = std::str::from_utf8(head).unwrap_or_default().split("\r\n");
        let start = lines.next().unwrap_or_default();
        let lines = lines.filter_map(|line| line.split_once(": ")).collect();
        Self { start, lines, framed: body.get(4..).unwrap_or_default() }
    }

    /// A field by its name as it is written.
    pub(super) fn field(&self, name: &str) -> Option<&'m str> {
        self.lines.iter().find(|line| line.0 == name).map(|line| line.1)
    }

    /// The body without chunks.
    pub(super) fn body(&self) -> Cow<'m, [u8]> {
        if self.field("Transfer-Encoding").is_none() {
            return Cow::Borrowed(self.framed);
        }
        let (mut rest, mut body) = (self.framed, Vec::new());
        while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
            let size = std::str::from_utf8(&rest[..end]).ok();
            let size = size.and_then(|size| usize::from_str_radix(size, 16).ok()).unwrap_or(0);
            let chunk = rest.get(end + 2..end + 2 + size).unwrap_or_default();
            body.extend_from_slice(chunk);
            rest = rest.get(end + 4 + size..).unwrap_or_default();
        }
        Cow::Owned(body)
    }
}
