//! Errors that an answer tells of beside its status: `error`, in whatever form, lists of `errors`, and refusals.
//! It is given the members of a JSON body as they come, and is asked when the body ends.
//! It promises that what holds nothing is no error, and that one deeper than the token handed out is of something else.

use super::words::{is_nothing, names_error};
use super::{Answer, Answered};
use crate::identity::json::{Member, Value};
use crate::identity::markers::Marker;
use crate::identity::settings::Settings;

/// Where errors and tokens stand in a body, as the containers around the outermost of each.
#[derive(Default)]
pub(super) struct Faults {
    error: Option<usize>,
    errors: Option<usize>,
    token: Option<usize>,
    /// Of a `"success": false`, whatever it is called.
    denial: Option<usize>,
    /// Containers around the members of the `error` that was opened last.
    within: usize,
}

impl<'a> Answer<'a> {
    /// Looks at a member for an error.
    pub(super) fn fault(&mut self, member: &Member<'a, Answered>, settings: &Settings) {
        use Answered as A;
        let is_container = matches!(member.value, Value::Object | Value::Array);
        let is_inside = member.parent == Some(A::Reason) && member.depth == self.faults.within;
        match member.key {
            // What stands in it tells.
            Some(A::Reason) if is_container => {
                self.faults.within = if names_error(member.name) { member.depth + 1 } else { 0 };
            }
            Some(A::Reason) if names_error(member.name) => {
                note(&mut self.faults.error, member.depth, tells(member.value, settings));
            }
            // The outermost counts, which is no list and no object of one.
            Some(A::Errors) if matches!(member.value, Value::Text(_) | Value::Object) => {
                let depth = member.depth - usize::from(member.parent == Some(A::Errors));
                note(&mut self.faults.errors, depth, true);
            }
            Some(A::Access | A::IdToken | A::Refresh | A::Session | A::Token) => {
                let is_token = matches!(member.value, Value::Text(text) if super::may_be_handle(text.raw));
                note(&mut self.faults.token, member.depth, is_token);
            }
            _ => {}
        }
        if is_inside {
            note(&mut self.faults.error, member.depth - 1, tells(member.value, settings));
        }
    }

    /// The body ends: what it told of errors counts where a verdict would.
    pub(super) fn judge_faults(&mut self) {
        let (deepest, token) = (self.verdict_depth(), self.faults.token.unwrap_or(usize::MAX));
        let counts = |at: Option<usize>| at.is_some_and(|at| at <= deepest.min(token));
        (self.error, self.errors) = (counts(self.faults.error), counts(self.faults.errors));
        // The account to which a token was given may not be `verified` yet.
        if self.faults.denial.is_some_and(|denial| denial > token) {
            self.verdict = None;
        }
    }

    /// A verdict that says no.
    pub(super) fn deny(&mut self, depth: usize) {
        note(&mut self.faults.denial, depth, true);
    }
}

/// Keeps the place that stands in the fewest containers.
fn note(place: &mut Option<usize>, depth: usize, is_told: bool) {
    if is_told {
        *place = Some(place.map_or(depth, |outermost| outermost.min(depth)));
    }
}

/// Whether what stands for an error, or within one, says that there is one.
fn tells(value: Value<'_>, settings: &Settings) -> bool {
    match value {
        Value::Text(text) => !is_nothing(text.raw) && settings.words.read(text.raw) != Some(Marker::Success),
        Value::Number(number) => !is_nothing(number),
        Value::Bool(yes) => yes,
        Value::Object | Value::Array => true,
        Value::Null | Value::Empty { .. } | Value::Cut(_) => false,
    }
}
