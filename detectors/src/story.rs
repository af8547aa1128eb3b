//! Stories: short lines of text that stand for transactions, for tests of rules and of what is built on them.
//! `transactions` reads a story, `tell` runs it through every rule with its defaults and writes one line an alert.
//! It promises that a word it does not know is an error: a test cannot pass by a typing mistake.
//!
//! A line is `TIME CLIENT -> KIND METHOD PATH STATUS words…`:
//!
//! ```text
//! 10:00:00 203.0.113.7 -> login POST /login 401 user=u{1..40} every 500ms
//! 2d+09:00:00.5 198.51.100.4 -> mfa POST /mfa 200 user=ann factor=totp country=DE place=52.5,13.4
//! ```
//!
//! | part | meaning |
//! |---|---|
//! | TIME | the answer's end on 21 November 2026, UTC; `2d+10:00:00` is two days later, `10:00:00+300s` five minutes |
//! | CLIENT | the address; external unless it is private |
//! | KIND | `use`, `login`, `offer` (a login whose answer asks for a second factor), `mfa` (an attempt), `challenge`, `enrolment`, `confirmation`, `removal`, `reset` (of a factor), `regeneration` (of backup codes), `token`, `signup`, `sensitive`, `logout` |
//! | STATUS | the answer's status; `-` when none was seen |
//! | `{1..40}` | anywhere: one transaction for each number; shorter ranges begin again |
//! | `{totp,sms}` | anywhere: one after the other, and again; makes no transactions of its own |
//! | `x5` | the whole line five times |
//! | `every 2s` | the distance of a line's transactions (`ns`, `us`, `ms`, `s`, `m`, `h`, `d`; default 1 s) |
//! | `user=` `service=` | the principal; `login` carries `user` as the name typed |
//! | `session=` `bearer=` `key=` `basic` `client_secret` | a credential; `key=` is the principal where no other is named |
//! | `secret=` `known=example` | a client secret, where there are several; why others know the credential before it |
//! | `stage=test` | what the credential before it says it is for |
//! | `issued` | the first credential was seen being handed out |
//! | `ended=logout:5m` | what should have ended its session, and how long ago |
//! | `rotated=false` `proved=1h` | whether the server replaced the session at this step, when a factor first succeeded in it |
//! | `jwt=RS256` `unsigned` | a bearer token that is a JWT, perhaps without a signature; `jwt=` has no `alg` |
//! | `token=t1` `in=form` | another token than that of the same `jwt=`; where the last credential was |
//! | `iss=` `kid=` `typ=` `parts=` `token_bytes=` `p2c=` | of a JWT: names, its parts, its length, its rounds |
//! | `exp=-90s` `nbf=5m` `iat=-1h` | of a JWT: when it ends, begins and was issued, from now |
//! | `check=invalid` `header=jku,kid_path` | of a JWT: what checking its signature told, what is odd in its header |
//! | `known_secret` `tampered` `confusion=proved` | of a JWT: a published secret signed it, its text was changed, algorithm confusion |
//! | `claim=sub@2` `claim=org` | of a JWT: a claim that stands in the path as its second segment, and one that does not |
//! | `lifetime=24h` | of a JWT: from `iat` to `exp`, in seconds rounded up |
//! | `reuse=refresh_token:5m` | a thing for one use, used first that long ago; `:other` by another client |
//! | `factor=` `code=` `outcome=` `by_status` | of a second-factor step; `outcome=` is that of a login, too |
//! | `ticket=` `left=` | what ties challenge and attempt; backup codes that are left, as the answer says |
//! | `mark=` | a number that is equal for a request that is repeated word for word |
//! | `mfa=5m` `proof=` `has_mfa` | a second factor proved that long ago, the proof level, a factor is enrolled |
//! | `country=` `asn=` `place=lat,lon` `radius=` `north=` | where the client is; km to the north of the place |
//! | `class=vpn` `claims=192.0.2.1` | the kind of the client's network; the address it claims to have |
//! | `device=abcd` `agent=library` | four traits, a letter each, `-` for one not known; the kind of program |
//! | `says=x-forwarded-user:user` | a header that says who the caller is, and what it says |
//! | `items=` `bytes=` `limit=` `host=` `route=` | records and bytes in the answer, page size asked for, host, route (default: the path) |
//! | `at=7` `cursor=7` | the page or record a list goes on with; a cursor, by a number of its own |
//! | `ttfb=30ms` | from the request's last byte to the answer's first |
//! | `clock=-40s` `took=2s` | how far the server's `Date` is ahead or behind; from the request's first byte to the end |
//! | `labels=admin,export` | what the route is for |
//! | `retry_after=30` | seconds to wait, as the answer says |
//! | `plain` `via=10.0.0.2` `grpc` | without TLS, through a proxy, a gRPC call |
//! | `auth_operations=3` | a GraphQL request with so many logins, codes and tokens in it |
//! | `key=stripe_live:k1` | a key that says what it is |
//! | `exposed=query:api_key:token` | a secret out of place: where, class, name; `:k1` behind them says which |
//! | `tls=0303` `suite=c02f` | version and cipher suite that the server chose, as on the wire |
//! | `totp=response:seed:a1` | a second factor's secret: where, its field, which one |
//! | `spec=undeclared_path` `security=missing` | what the description says of it, what it wants (`bearer`) against what was shown |
//! | `undocumented=query:debug` | parameters of which the description says nothing |
//! | `holds=email,card` `type=image/png` | personal data in the answer, its media type |
//! | `gap` `truncated` `repeat` | bytes missing, cut short, the second sight of an exchange |

mod braces;
mod exposure;
mod line;
mod session;
mod spec;
mod time;
mod tls;
mod token;

pub use line::blank;

use crate::alert::{Alert, Status};
#[cfg(test)]
use crate::detector::Rule;
use crate::runtime::{Runtime, RuntimeConfig};
use crate::time::EventTime;
use crate::transaction::Transaction;
use std::fmt::Write;

/// The story's transactions in order of `end`, then `id`.
pub fn transactions(story: &str) -> Result<Vec<Transaction>, String> {
    let mut transactions = Vec::new();
    for text in story.lines().map(str::trim).filter(|text| !text.is_empty()) {
        line::read(text, &mut transactions).map_err(|cause| format!("{cause}, in: {text}"))?;
    }
    transactions.sort_by_key(|tx| (tx.end, tx.id));
    Ok(transactions)
}

/// Every alert of the story under this configuration, closings included; the timeline ends with the last event.
pub fn alerts(story: &str, config: RuntimeConfig) -> Result<Vec<Alert>, String> {
    let transactions = transactions(story)?;
    #[cfg(test)]
    crate::lane::stories::check(&transactions, &config);
    let mut runtime = Runtime::new(config).map_err(|error| error.to_string())?;
    let mut alerts = Vec::new();
    for tx in &transactions {
        runtime.observe(tx, &mut alerts);
    }
    runtime.finish(transactions.last().map_or(EventTime::ZERO, |tx| tx.end), &mut alerts);
    let counters = runtime.counters();
    if counters.findings != counters.open + counters.update + counters.suppressed {
        return Err(format!("findings do not add up: {counters:?}"));
    }
    Ok(alerts)
}

/// What opens and grows in the story, one line an alert, every rule running with its defaults.
pub fn tell(story: &str) -> Result<String, String> {
    let told = alerts(story, RuntimeConfig::default())?;
    Ok(told.iter().filter(|alert| alert.status != Status::Closed).map(line_of).collect())
}

/// `10:00:14.500 ABU-01 credential_stuffing high 203.0.113.7: 20 failed logins …`
pub fn line_of(alert: &Alert) -> String {
    let Alert { rule, detector, severity, subject, message, .. } = alert;
    let time = alert.time.to_string();
    let clock = time.get(11..23).unwrap_or(&time);
    let state = match alert.status {
        Status::Open => String::new(),
        status => format!(" ({status})"),
    };
    let mut line = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(line, "{clock} {rule} {detector} {severity}{state} {}: {message}", subject.value);
    line
}

/// The one boundary of rule tests: a story and what is told about it. A restart anywhere in it changes nothing.
#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "`check(story, expect![…])` reads best")]
pub(crate) fn check(story: &str, expected: expect_test::Expect) {
    check_lines(story, |_| true, &expected);
}

/// As `check`, for what one rule says where others speak up as well.
#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "as `check`")]
pub(crate) fn check_rule(rule: &Rule, story: &str, expected: expect_test::Expect) {
    check_lines(story, |line| line.split(' ').nth(1) == Some(rule.id), &expected);
}

#[cfg(test)]
fn check_lines(story: &str, counts: impl Fn(&str) -> bool, expected: &expect_test::Expect) {
    let lines = |told: String| -> String { told.split_inclusive('\n').filter(|line| counts(line)).collect() };
    let told = lines(tell(story).unwrap());
    expected.assert_eq(&told);
    let length = transactions(story).unwrap().len();
    for part in 1..=4 {
        let restarted = lines(tell_with_restart(story, length * part / 5).unwrap());
        assert_eq!(told, restarted, "with a restart after {} of {length} transactions", length * part / 5);
    }
}

/// As `check`, for what hangs on marks of one-time codes: their key ends with the process.
#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "as `check`")]
pub(crate) fn check_in_one_run(story: &str, expected: expect_test::Expect) {
    expected.assert_eq(&tell(story).unwrap());
}

/// What is told when state is saved after so many transactions, and a new runtime goes on from it.
#[cfg(test)]
fn tell_with_restart(story: &str, after: usize) -> Result<String, String> {
    let start = || Runtime::new(RuntimeConfig::default()).map_err(|error| error.to_string());
    let mut runtime = start()?;
    let mut alerts = Vec::new();
    let transactions = transactions(story)?;
    for (seen, tx) in transactions.iter().enumerate() {
        if seen == after {
            let saved = runtime.save();
            runtime = start()?;
            runtime.load(&saved).map_err(|error| error.to_string())?;
            if runtime.save() != saved {
                return Err("what was loaded is not what was saved".into());
            }
        }
        runtime.observe(tx, &mut alerts);
    }
    runtime.finish(transactions.last().map_or(EventTime::ZERO, |tx| tx.end), &mut alerts);
    Ok(alerts.iter().filter(|alert| alert.status != Status::Closed).map(line_of).collect())
}

/// As `check`, for the confidence of each alert.
#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "as `check`")]
pub(crate) fn check_confidence(story: &str, expected: expect_test::Expect) {
    let told = alerts(story, RuntimeConfig::default()).unwrap();
    let lines: Vec<String> = told
        .iter()
        .filter(|alert| alert.status != Status::Closed)
        .map(|alert| format!("{} {}", alert.rule, alert.confidence))
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[cfg(test)]
mod tests;
