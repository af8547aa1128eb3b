//! How sessions end, and that whoever uses one later is still the same person.

use super::sessions::line;
use super::*;

fn check_ends(steps: Vec<Sighting>, expected: &Expect) {
    tell(steps, expected, |tx| {
        let session = tx.session.as_ref().map_or_else(|| "no session".to_owned(), line);
        format!("{} {session}", tx.principal.key())
    });
}

fn signed_in(name: &str, session: &str, at: u64) -> Sighting {
    login(API, name, LoginOutcome::Success).issues(HandleKind::Session, session).at(at)
}

fn using(session: &str, at: u64) -> Sighting {
    step(API, Activity::Use).presents(HandleKind::Session, session).at(at)
}

#[test]
fn a_logout_ends_the_session_and_erases_nobody() {
    check_ends(
        vec![
            signed_in("alice", "s1", 1),
            signed_in("alice", "s2", 2),
            using("s1", 3).ends(Ends::Own, EndCause::Logout),
            using("s1", 4),
            using("s1", 5).refused(),
            using("s2", 6),
            // Sent before the logout was answered.
            using("s1", 6).edit(|tx, _| tx.time = EventTime::from_secs(2)),
        ],
        &expect![[r#"
            user:alice no session
            user:alice no session
            user:alice s1 since 1
            user:alice s1 since 1, ended by logout at 3
            user:alice s1 since 1, ended by logout at 3
            user:alice s2 since 2
            user:alice s1 since 1
        "#]],
    );
}

#[test]
fn a_logout_everywhere_ends_all_sessions_of_the_account_and_of_no_other() {
    check_ends(
        vec![
            signed_in("alice", "s1", 1),
            signed_in("alice", "s2", 2),
            signed_in("bob", "b", 2),
            using("s1", 3).ends(Ends::All, EndCause::Logout),
            using("s1", 4),
            using("s2", 4),
            using("b", 4),
            signed_in("alice", "s3", 5),
            using("s3", 6),
        ],
        &expect![[r#"
            user:alice no session
            user:alice no session
            user:bob no session
            user:alice s1 since 1
            user:alice s1 since 1, ended by logout at 3
            user:alice s2 since 2, ended by logout at 3
            user:bob b since 2
            user:alice no session
            user:alice s3 since 5
        "#]],
    );
}

#[test]
fn a_password_change_ends_the_other_sessions() {
    check_ends(
        vec![
            signed_in("alice", "s1", 1),
            signed_in("alice", "s2", 2),
            using("s1", 3).ends(Ends::Others, EndCause::PasswordChange),
            using("s1", 4),
            using("s2", 4),
            // The session that should be over changes the password again: it stays over.
            using("s2", 5).ends(Ends::Others, EndCause::PasswordChange),
            using("s2", 6),
            using("s1", 6),
        ],
        &expect![[r#"
            user:alice no session
            user:alice no session
            user:alice s1 since 1
            user:alice s1 since 1
            user:alice s2 since 2, ended by password_change at 3
            user:alice s2 since 2, ended by password_change at 3
            user:alice s2 since 2, ended by password_change at 3
            user:alice s1 since 1, ended by password_change at 5
        "#]],
    );
}

#[test]
fn a_forgotten_password_that_is_replaced_ends_the_sessions_of_that_account() {
    let reset = |name: &str| {
        let name = Some(text(name));
        step(API, Activity::Use)
            .ends(Ends::Account, EndCause::PasswordChange)
            .edit(|_, clues| clues.reset_name = name)
    };
    check_ends(
        vec![
            signed_in("alice", "a", 1),
            signed_in("bob", "b", 1),
            reset("alice").at(2),
            reset("nobody-known").at(2),
            using("a", 3),
            using("b", 3),
        ],
        &expect![[r#"
            user:alice no session
            user:bob no session
            anonymous:203.0.113.7 no session
            anonymous:203.0.113.7 no session
            user:alice a since 1, ended by password_change at 2
            user:bob b since 1
        "#]],
    );
}

#[test]
fn what_is_revoked_by_name_ends_and_the_one_who_revokes_goes_on() {
    let named = |step: Sighting, kind, value: &str| {
        let handle = handle(kind, value);
        step.ends(Ends::Named, EndCause::Revocation).edit(|_, clues| clues.named.push(handle))
    };
    check_ends(
        vec![
            login(API, "alice", LoginOutcome::Success)
                .issues(HandleKind::Access, "t1")
                .issues(HandleKind::Refresh, "r1")
                .at(1),
            signed_in("root", "s", 1),
            named(using("s", 2), HandleKind::Refresh, "r1"),
            step(API, Activity::Use).presents(HandleKind::Refresh, "r1").at(3),
            step(API, Activity::Use).presents(HandleKind::Access, "t1").at(3),
            using("s", 3),
        ],
        &expect![[r#"
            user:alice no session
            user:root no session
            user:root s since 1
            user:alice t1 since 1, ended by revocation at 2
            user:alice t1 since 1
            user:root s since 1
        "#]],
    );
}

#[test]
fn a_login_in_the_same_cookie_begins_anew() {
    check_ends(
        vec![
            signed_in("alice", "s", 1),
            using("s", 2).ends(Ends::Own, EndCause::Logout),
            login(API, "alice", LoginOutcome::Success).presents(HandleKind::Session, "s").at(3),
            using("s", 4),
        ],
        &expect![[r#"
            user:alice no session
            user:alice s since 1
            user:alice s since 1, ended by logout at 2, kept
            user:alice s since 1
        "#]],
    );
}
