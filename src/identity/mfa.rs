//! The outcome of a second-factor step: a table of evidence, read from the top, each row with a hit counter.
//! It is given what the answer says and gives the outcome, and whether the status alone told it.
//! It promises that a challenge, an expired bearer token or a broken server never counts as a wrong code.

use super::markers::{Marker, Markers};
use super::step::Page;
use heelguard_detectors::transaction::MfaOutcome;

/// What an answer says about the step.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, none a state")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The final status; `None` when no answer was seen.
    pub(crate) status: Option<u16>,
    pub(crate) markers: Markers,
    /// `"success": false` and the like.
    pub(crate) verdict: Option<bool>,
    /// A non-empty list `errors`.
    pub(crate) errors: bool,
    pub(crate) retry_after: bool,
    /// A token or session was handed out.
    pub(crate) issued: bool,
    /// The request was a grant for a second factor, so `invalid_grant` speaks of the code.
    pub(crate) mfa_grant: bool,
    /// A code, assertion or approval was presented: there is something that can be wrong.
    pub(crate) presented: bool,
    /// A password was presented beside it.
    pub(crate) password: bool,
    /// The bearer token beside it has expired, and nothing else says whose step it is.
    pub(crate) token_expired: bool,
    /// The page a browser is shown next, where that says something.
    pub(crate) page: Option<Page>,
}

impl Evidence {
    fn status_in(&self, statuses: &[u16]) -> bool {
        self.status.is_some_and(|s| statuses.contains(&s))
    }

    fn accepted(&self) -> bool {
        self.status.is_some_and(|s| (200..400).contains(&s))
    }

    fn negative(&self) -> bool {
        self.verdict == Some(false)
            || self.errors
            || self.page.is_some()
            || self.markers.denies()
            || self.markers.has(Marker::LoginFirst)
    }

    fn bad_code(&self) -> bool {
        self.markers.has(Marker::BadCode) || self.mfa_grant && self.markers.has(Marker::BadGrant)
    }

    fn asks(&self) -> bool {
        self.markers.has(Marker::NeedsMfa) || self.markers.has(Marker::StepUp)
    }

    fn about_something_else(&self) -> bool {
        use Marker::{BadClient, BadRequest, BadToken, Forbidden, LoginFirst};
        let told = [BadToken, BadClient, Forbidden, LoginFirst, BadRequest];
        self.token_expired && self.status == Some(401) || told.into_iter().any(|m| self.markers.has(m))
    }
}

/// One row: a name for the counter, the outcome, whether the status alone tells it, and when it applies.
struct Row {
    name: &'static str,
    outcome: MfaOutcome,
    by_status_only: bool,
    applies: fn(&Evidence) -> bool,
}

const fn row(
    name: &'static str,
    outcome: MfaOutcome,
    by_status_only: bool,
    applies: fn(&Evidence) -> bool,
) -> Row {
    Row { name, outcome, by_status_only, applies }
}

use MfaOutcome::{Challenge, FailCode, FailOther, Locked, Pending, Success, Throttled, Unknown};

/// The table; the first row that applies decides.
const ROWS: &[Row] = &[
    row("no_answer", Unknown, false, |e| e.status.is_none()),
    row("locked_marker", Locked, false, |e| e.markers.has(Marker::Locked)),
    row("locked_status", Locked, false, |e| e.status == Some(423)),
    row("locked_page", Locked, false, |e| e.page == Some(Page::LockOut)),
    row("throttled_marker", Throttled, false, |e| e.markers.has(Marker::Throttled)),
    row("throttled_status", Throttled, false, |e| e.status == Some(429)),
    row("code_marker", FailCode, false, Evidence::bad_code),
    row("rejected_by_user", FailCode, false, |e| e.markers.has(Marker::Rejected)),
    row("challenge_marker", Challenge, false, |e| e.asks() && !e.issued),
    row("pending_marker", Pending, false, |e| e.markers.has(Marker::Pending) && !e.issued),
    row("pending_status", Pending, false, |e| e.status == Some(202) && !e.negative()),
    row("retry_after", Throttled, false, |e| e.retry_after && !e.accepted()),
    row("accepted", Success, false, |e| e.accepted() && !e.negative()),
    row("about_the_token", FailOther, false, Evidence::about_something_else),
    row("sent_to_sign_in", FailOther, false, |e| e.page == Some(Page::SignIn)),
    row("about_the_password", FailOther, false, |e| e.password && e.markers.has(Marker::BadPassword)),
    // Sites that renew their cookie with every page do so with this one too: it is no sign of success.
    row("sent_back", FailCode, true, |e| e.page.is_some() && e.presented),
    row("denied_in_200", FailCode, false, |e| e.accepted() && e.presented),
    row("denied_by_status", FailCode, true, |e| e.status_in(&[400, 401, 403, 421, 422]) && e.presented),
    row("refused_without_code", FailOther, false, |e| {
        !e.presented && (e.accepted() || e.status_in(&[400, 401, 403, 422]))
    }),
    row("not_there", FailOther, false, |e| e.status_in(&[404, 405, 410])),
    row("broken", FailOther, false, |e| e.status.is_some_and(|s| s >= 500)),
];

/// The name under which answers are counted that no row understands. They never count as a wrong code.
const NO_ROW: &str = "no_row";

/// Hits of each row, in the order of `ROWS`; the last is of no row.
pub(crate) type Hits = [u64; ROWS.len() + 1];

/// Nothing was decided yet.
pub(crate) const NO_HITS: Hits = [0; ROWS.len() + 1];

/// The names of the rows, in the order of `Hits`.
pub(crate) fn row_names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name).chain([NO_ROW])
}

/// The outcome, and whether the status alone told it.
pub(crate) fn outcome(evidence: &Evidence, hits: &mut Hits) -> (MfaOutcome, bool) {
    for (row, hit) in ROWS.iter().zip(hits.iter_mut()) {
        if (row.applies)(evidence) {
            *hit += 1;
            return (row.outcome, row.by_status_only);
        }
    }
    let [.., none] = hits;
    *none += 1;
    (FailOther, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::markers::MarkerTable;
    use expect_test::{Expect, expect};

    /// A case a line: status and words; `!x` is a flag.
    #[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
    fn check(cases: &[&str], expected: Expect) {
        let table = MarkerTable::new(Vec::new(), Vec::new());
        let mut hits = NO_HITS;
        let mut lines = String::new();
        for case in cases {
            let mut evidence = Evidence { presented: true, ..Evidence::default() };
            for word in case.split_whitespace() {
                match word {
                    "!false" => evidence.verdict = Some(false),
                    "!true" => evidence.verdict = Some(true),
                    "!errors" => evidence.errors = true,
                    "!retry" => evidence.retry_after = true,
                    "!issued" => evidence.issued = true,
                    "!grant" => evidence.mfa_grant = true,
                    "!back" => evidence.page = Some(Page::Code),
                    "!login" => evidence.page = Some(Page::SignIn),
                    "!lockout" => evidence.page = Some(Page::LockOut),
                    _ if word.parse::<u16>().is_ok() => evidence.status = word.parse().ok(),
                    _ => evidence.markers.insert(table.read(word.as_bytes()).unwrap()),
                }
            }
            let (outcome, by_status) = super::outcome(&evidence, &mut hits);
            lines += &format!("{case} -> {outcome}{}\n", if by_status { " by status" } else { "" });
        }
        expected.assert_eq(&lines);
        assert_eq!(hits.iter().sum::<u64>(), cases.len() as u64);
    }

    #[test]
    fn the_answer_decides() {
        check(
            &[
                "200",
                "200 !false",
                "200 !errors",
                "200 !true",
                "302",
                "202",
                "200 pending",
                "400 authorization_pending",
                "401 mfa_required",
                "403 mfa_required !issued",
                "400 incorrect_code",
                "401",
                "403",
                "422",
                "404",
                "500",
                "503 !retry",
                "401 invalid_token",
                "403 insufficient_scope",
                "400 invalid_grant",
                "403 invalid_grant !grant",
                "429",
                "423",
                "400 too_many_attempts",
                "401 locked",
                "200 rejected",
                "400 mfa_required incorrect_code",
                "302 !back",
                "302 !back !issued",
                "302 !login",
                "302 !lockout",
                "409",
                "",
            ],
            expect![[r"
                200 -> success
                200 !false -> fail_code
                200 !errors -> fail_code
                200 !true -> success
                302 -> success
                202 -> pending
                200 pending -> pending
                400 authorization_pending -> pending
                401 mfa_required -> challenge
                403 mfa_required !issued -> fail_code by status
                400 incorrect_code -> fail_code
                401 -> fail_code by status
                403 -> fail_code by status
                422 -> fail_code by status
                404 -> fail_other
                500 -> fail_other
                503 !retry -> throttled
                401 invalid_token -> fail_other
                403 insufficient_scope -> fail_other
                400 invalid_grant -> fail_code by status
                403 invalid_grant !grant -> fail_code
                429 -> throttled
                423 -> locked
                400 too_many_attempts -> throttled
                401 locked -> locked
                200 rejected -> fail_code
                400 mfa_required incorrect_code -> fail_code
                302 !back -> fail_code by status
                302 !back !issued -> fail_code by status
                302 !login -> fail_other
                302 !lockout -> locked
                409 -> fail_other
                 -> unknown
            "]],
        );
    }
}
