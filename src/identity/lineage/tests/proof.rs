//! How much was proved, and when: what keeps a second factor, what raises to it, what takes it away.

use super::*;
use heelguard_detectors::identity::{Credential, CredentialKind, Location};

fn check_proof(steps: Vec<Sighting>, expected: &Expect) {
    tell(steps, expected, |tx| {
        let at = tx.proof.mfa_at.map_or_else(String::new, |at| format!(" at {}", at.as_secs()));
        let has = if tx.proof.account_has_mfa { ", account has MFA" } else { "" };
        format!("{} {}{at}{has}", tx.principal.key(), tx.proof.level)
    });
}

fn using(session: &str) -> Sighting {
    step(API, Activity::Use).presents(HandleKind::Session, session)
}

fn with_mfa(name: &str, session: &str) -> Vec<Sighting> {
    vec![
        login(API, name, LoginOutcome::Success).issues(HandleKind::Session, session).at(1),
        verify(API, MfaOutcome::Success).presents(HandleKind::Session, session).at(2),
    ]
}

fn factor_step(event: MfaEvent, factor: Factor) -> Sighting {
    verify(API, MfaOutcome::Success).edit(|tx, clues| {
        tx.mfa = tx.mfa.map(|mfa| Mfa { event, factor, ..mfa });
        if matches!(event, MfaEvent::Removal | MfaEvent::Reset) {
            clues.ends = Some((Ends::Others, EndCause::FactorChange));
        }
    })
}

#[test]
fn a_password_given_again_keeps_the_second_factor_and_does_not_make_one() {
    let again = |name: Option<&str>, session: &str| {
        login(API, name.unwrap_or("x"), LoginOutcome::Success)
            .presents(HandleKind::Session, session)
            .edit(|_, clues| clues.login_name = name.map(text))
    };
    let mut steps = with_mfa("alice", "s");
    steps.extend([again(None, "s").at(3), using("s").at(4), again(Some("alice"), "s").at(5)]);
    steps.extend([
        using("s").at(6),
        // A login that hands out a session of its own is a new one.
        again(Some("alice"), "s").issues(HandleKind::Session, "s2").at(7),
        using("s2").at(8),
        login(API, "bob", LoginOutcome::Success).issues(HandleKind::Session, "b").at(9),
        again(None, "b").at(10),
        using("b").at(11),
    ]);
    check_proof(
        steps,
        &expect![[r#"
            user:alice unknown
            user:alice mfa at 2, account has MFA
            user:alice mfa at 2, account has MFA
            user:alice mfa at 2, account has MFA
            user:alice mfa at 2, account has MFA
            user:alice mfa at 2, account has MFA
            user:alice unknown, account has MFA
            user:alice password, account has MFA
            user:bob unknown
            user:bob password
            user:bob password
        "#]],
    );
}

#[test]
fn the_last_factor_that_is_removed_leaves_the_account_without() {
    let remove = |event, factor| factor_step(event, factor).presents(HandleKind::Session, "s");
    let mut steps = with_mfa("alice", "s");
    steps.extend([
        remove(MfaEvent::Confirmation, Factor::Webauthn).at(3),
        remove(MfaEvent::Removal, Factor::Totp).at(4),
        using("s").at(5),
        remove(MfaEvent::Removal, Factor::Webauthn).at(6),
        using("s").at(7),
    ]);
    check_proof(
        steps,
        &expect![[r#"
            user:alice unknown
            user:alice mfa at 2, account has MFA
            user:alice mfa at 3, account has MFA
            user:alice mfa at 3, account has MFA
            user:alice mfa at 3, account has MFA
            user:alice mfa at 3, account has MFA
            user:alice mfa at 3
        "#]],
    );
    let mut steps = with_mfa("bob", "s");
    steps.extend([remove(MfaEvent::Reset, Factor::Unknown).at(3), using("s").at(4)]);
    check_proof(
        steps,
        &expect![[r#"
            user:bob unknown
            user:bob mfa at 2, account has MFA
            user:bob mfa at 2, account has MFA
            user:bob mfa at 2
        "#]],
    );
}

#[test]
fn a_second_factors_token_counts_from_when_it_was_given_and_for_its_own_account() {
    let riding = |session: &str, token: &str| {
        let token = handle(HandleKind::Challenge, token);
        using(session).edit(|tx, clues| {
            let (kind, location) = (CredentialKind::MfaToken, Location::Header);
            let name = text("x-mfa-token");
            tx.credentials.push(Credential {
                kind,
                class: "mfa_token",
                location,
                name,
                fingerprint: token.fingerprint,
                known: None,
                stage: None,
            });
            clues.presented.push(token);
            tx.mfa = verify(API, MfaOutcome::Success).transaction.mfa;
        })
    };
    check_proof(
        vec![
            login(API, "alice", LoginOutcome::Success).issues(HandleKind::Session, "s").at(1),
            verify(API, MfaOutcome::Success)
                .presents(HandleKind::Session, "s")
                .issues(HandleKind::Challenge, "m")
                .issues(HandleKind::Session, "s2")
                .at(2),
            riding("s2", "m").at(500),
            // One that was never seen counts from its first use, for the one request.
            login(API, "bob", LoginOutcome::Success).issues(HandleKind::Session, "b").at(600),
            riding("b", "n").at(601),
            riding("b", "n").at(700),
            using("b").at(701),
        ],
        &expect![[r#"
            user:alice unknown
            user:alice mfa at 2, account has MFA
            user:alice mfa at 2, account has MFA
            user:bob unknown
            user:bob mfa at 601, account has MFA
            user:bob mfa at 601, account has MFA
            user:bob password, account has MFA
        "#]],
    );
}
