//! One login, one line: its id from the first handle to the last, and what is told of a session whose start was not seen.

use super::*;
use heelguard_detectors::session::Session;

/// Compares the session of each step: `id since, flags`.
fn check_sessions(steps: Vec<Sighting>, expected: &Expect) {
    tell(steps, expected, |tx| tx.session.as_ref().map_or_else(|| "none".to_owned(), line));
}

pub(super) fn line(session: &Session) -> String {
    let id = String::from_utf8_lossy(&session.id.0).trim_end_matches('\0').to_owned();
    let mut line = format!("{id} since {}", session.since.as_secs());
    if !session.issued_in_sight {
        line.push_str(" or before");
    }
    if let Some(mfa) = session.mfa_since {
        line.push_str(&format!(", MFA since {}", mfa.as_secs()));
    }
    if session.renewals > 0 {
        line.push_str(&format!(", renewed {}", session.renewals));
    }
    if let Some((cause, at)) = session.ended {
        line.push_str(&format!(", ended by {cause} at {}", at.as_secs()));
    }
    if let Some(rotated) = session.rotated {
        line.push_str(if rotated { ", replaced" } else { ", kept" });
    }
    line
}

fn api() -> Sighting {
    step(API, Activity::Use)
}

#[test]
fn login_second_factor_and_refresh_are_one_session() {
    check_sessions(
        vec![
            login(API, "alice", LoginOutcome::SecondFactor).issues(HandleKind::Challenge, "ticket").at(1),
            verify(API, MfaOutcome::Success)
                .presents(HandleKind::Challenge, "ticket")
                .issues(HandleKind::Access, "t1")
                .issues(HandleKind::Refresh, "r1")
                .at(2),
            api().presents(HandleKind::Access, "t1").at(3),
            step(API, Activity::TokenIssue)
                .spends(OneTime::RefreshToken, HandleKind::Refresh, "r1")
                .issues(HandleKind::Access, "t2")
                .issues(HandleKind::Refresh, "r2")
                .at(4),
            api().presents(HandleKind::Access, "t2").at(5),
            api().presents(HandleKind::Refresh, "r1").at(6),
        ],
        &expect![[r#"
            none
            ticket since 1, MFA since 2
            ticket since 1, MFA since 2
            ticket since 1, MFA since 2
            ticket since 1, MFA since 2, renewed 1
            ticket since 1, MFA since 2, renewed 1, ended by rotation at 4
        "#]],
    );
}

#[test]
fn a_second_login_is_a_second_session() {
    check_sessions(
        vec![
            login(API, "alice", LoginOutcome::Success).issues(HandleKind::Session, "s1").at(1),
            login(API, "alice", LoginOutcome::Success).issues(HandleKind::Session, "s2").at(2),
            api().presents(HandleKind::Session, "s1").at(3),
            api().presents(HandleKind::Session, "s2").at(4),
        ],
        &expect![[r#"
            none
            none
            s1 since 1
            s2 since 2
        "#]],
    );
}

#[test]
fn a_session_is_replaced_at_login_or_kept() {
    let anonymous = |value: &str| api().issues(HandleKind::Session, value);
    check_sessions(
        vec![
            anonymous("p1").at(1),
            login(API, "alice", LoginOutcome::Success)
                .presents(HandleKind::Session, "p1")
                .issues(HandleKind::Session, "s1")
                .at(2),
            api().presents(HandleKind::Session, "p1").at(3),
            api().presents(HandleKind::Session, "s1").at(4),
            // The other server keeps it: whoever knew it before is inside now.
            anonymous("p2").at(5),
            login(API, "bob", LoginOutcome::Success).presents(HandleKind::Session, "p2").at(6),
            api().presents(HandleKind::Session, "p2").at(7),
        ],
        &expect![[r#"
            none
            p1 since 1, replaced
            p1 since 1, ended by rotation at 2
            s1 since 2
            none
            p2 since 5, kept
            p2 since 5
        "#]],
    );
}

#[test]
fn a_second_factor_replaces_the_session_or_keeps_it() {
    let with_session = || verify(API, MfaOutcome::Success).presents(HandleKind::Session, "s1");
    let password = || login(API, "alice", LoginOutcome::Success).issues(HandleKind::Session, "s1").at(1);
    check_sessions(
        vec![
            password(),
            with_session().issues(HandleKind::Session, "s2").at(2),
            api().presents(HandleKind::Session, "s2").at(3),
            api().presents(HandleKind::Session, "s1").at(4),
        ],
        &expect![[r#"
            none
            s1 since 1, MFA since 2, replaced
            s1 since 1, MFA since 2, renewed 1
            s1 since 1, MFA since 2, renewed 1, ended by rotation at 2
        "#]],
    );
    check_sessions(
        vec![password(), with_session().at(2), api().presents(HandleKind::Session, "s1").at(3)],
        &expect![[r#"
            none
            s1 since 1, MFA since 2, kept
            s1 since 1, MFA since 2
        "#]],
    );
}

#[test]
fn a_session_whose_start_was_not_seen_begins_when_it_is_met() {
    check_sessions(
        vec![
            api().presents(HandleKind::Session, "s").at(5),
            api().presents(HandleKind::Session, "s").at(9),
            // What was refused at once need not exist.
            api().presents(HandleKind::Session, "guess").refused().at(10),
            api().at(11),
        ],
        &expect![[r#"
            s since 5 or before
            s since 5 or before
            none
            none
        "#]],
    );
}

#[test]
fn a_key_is_a_session_of_its_own() {
    check_sessions(
        vec![
            login(API, "alice", LoginOutcome::Success).issues(HandleKind::Session, "s").at(1),
            step(API, Activity::KeyIssue)
                .presents(HandleKind::Session, "s")
                .issues(HandleKind::ApiKey, "k")
                .at(2),
            step(API, Activity::Logout)
                .presents(HandleKind::Session, "s")
                .ends(Ends::All, EndCause::Logout)
                .at(3),
            api().presents(HandleKind::ApiKey, "k").at(4),
            api().presents(HandleKind::ApiKey, "met").at(5),
        ],
        &expect![[r#"
            none
            s since 1
            s since 1
            k since 2
            met since 5 or before
        "#]],
    );
}

#[test]
fn the_second_leg_of_a_proxy_changes_nothing() {
    let refresh = || {
        step(API, Activity::TokenIssue)
            .spends(OneTime::RefreshToken, HandleKind::Refresh, "r1")
            .issues(HandleKind::Refresh, "r2")
            .at(2)
    };
    let outer = |step: Sighting| step.edit(|tx, _| tx.repeat_of = Some(TransactionId(7)));
    check_sessions(
        vec![
            login(API, "alice", LoginOutcome::Success).issues(HandleKind::Refresh, "r1").at(1),
            outer(login(API, "alice", LoginOutcome::Success).issues(HandleKind::Refresh, "r1").at(1)),
            refresh(),
            outer(refresh()).edit(|tx, _| tx.time = EventTime::from_secs(1)),
            api().presents(HandleKind::Refresh, "r2").at(3),
        ],
        &expect![[r#"
            none
            none
            r1 since 1
            r1 since 1, renewed 1
            r1 since 1, renewed 1
        "#]],
    );
}
