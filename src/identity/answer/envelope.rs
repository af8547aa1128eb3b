//! The status that an answer gives in its body, where HTTP's own says that all is well: `{"status":401,"message":"…"}`.
//! It is given the whole of a small JSON object.
//! It promises that a number among data is no status: an order may have the code 401, and a page be about errors.

use super::words::is_nothing;
use super::{Answer, Answered};
use crate::identity::json::{self, Member, Value};
use crate::identity::markers::Marker;
use crate::identity::settings::Settings;

/// A longer body is more than an envelope.
const BYTES_MAX: usize = 1024;
/// What a status is called that says so.
const STATUSES: &[&[u8]] = &[b"status", b"statusCode", b"status_code", b"httpStatus", b"http_status"];
/// What may be one, and may be the code of anything else.
const CODE: &[u8] = b"code";
/// What says what went wrong.
const REASONS: &[&[u8]] = &[
    b"message",
    b"msg",
    b"error",
    b"errors",
    b"error_message",
    b"errorMessage",
    b"error_description",
    b"detail",
    b"details",
];
/// What stands beside them, and is no data.
const REMARKS: &[&[u8]] = &[
    b"success",
    b"ok",
    b"title",
    b"type",
    b"instance",
    b"path",
    b"timestamp",
    b"request_id",
    b"requestId",
    b"trace_id",
    b"traceId",
];

/// What the members of the outermost object say so far.
#[derive(Default)]
struct Envelope {
    status: Option<u16>,
    /// By a name that stands for nothing else, or with a reason.
    is_sure: bool,
    /// Something stands in it that no refusal has.
    holds_more: bool,
}

impl Answer<'_> {
    /// Takes the status in the body for that of the answer, where it is one.
    pub(crate) fn open_envelope(&mut self, body: &[u8], settings: &Settings) {
        if !(200..300).contains(&self.status) || body.len() > BYTES_MAX || !may_say(body) {
            return;
        }
        let mut envelope = Envelope::default();
        json::walk(body, &settings.answers, |member| envelope.look(&member, settings));
        self.status = envelope.status().unwrap_or(self.status);
    }
}

/// Whether a number that may be a status stands behind the end of such a name: by this look most bodies are told.
fn may_say(body: &[u8]) -> bool {
    let is_number = |rest: &[u8]| {
        let value = rest.strip_prefix(b"\"").and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"));
        value.is_some_and(|value| matches!(value.trim_ascii_start().first(), Some(b'4' | b'5')))
    };
    let mut ends = [b"tatus".as_slice(), b"ode"].into_iter();
    ends.any(|end| {
        memchr::memmem::find_iter(body, end).any(|at| body.get(at + end.len()..).is_some_and(is_number))
    })
}

impl Envelope {
    fn look(&mut self, member: &Member<'_, Answered>, settings: &Settings) {
        if member.depth != 1 {
            return;
        }
        let name = member.name;
        let is_one_of = |names: &[&[u8]]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let is_status = is_one_of(STATUSES);
        match member.value {
            Value::Null | Value::Empty { .. } => {}
            Value::Number(number) if is_status || name.eq_ignore_ascii_case(CODE) => {
                let status = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
                let is_other = self.status.is_some() && self.status != status;
                self.holds_more |= is_other || !status.is_some_and(|status| (400..600).contains(&status));
                self.status = self.status.or(status);
                self.is_sure |= is_status;
            }
            // `"status":"error"` beside a number.
            Value::Text(text) if is_status || name.eq_ignore_ascii_case(CODE) || is_one_of(REASONS) => {
                let is_well = is_nothing(text.raw) || settings.words.read(text.raw) == Some(Marker::Success);
                self.holds_more |= is_well && !text.raw.is_empty();
                self.is_sure |= is_one_of(REASONS) && !is_well;
            }
            Value::Object | Value::Array if is_one_of(REASONS) => self.is_sure = true,
            // `"error":true` and `"success":false`.
            Value::Bool(yes) => {
                let fits = if yes { is_one_of(REASONS) } else { is_one_of(REMARKS) };
                self.holds_more |= !fits;
            }
            _ => self.holds_more |= !is_one_of(REMARKS) && !is_one_of(REASONS),
        }
    }

    /// The status that the answer means.
    fn status(&self) -> Option<u16> {
        self.status.filter(|_| self.is_sure && !self.holds_more)
    }
}
