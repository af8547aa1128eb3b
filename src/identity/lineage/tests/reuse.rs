//! Things for one use: when a second use is one, and what is only a repetition.

use super::*;

fn check_reuse(steps: Vec<Sighting>, expected: &Expect) {
    tell(steps, expected, |tx| match tx.reuse {
        None => format!("{}, first use", tx.principal.key()),
        Some(reuse) => format!(
            "{}, {} used before at {} by {}",
            tx.principal.key(),
            reuse.what,
            reuse.first.as_secs(),
            if reuse.same_client { "the same client" } else { "another client" }
        ),
    });
}

fn tokens() -> Sighting {
    login(API, "alice", LoginOutcome::Success).issues(HandleKind::Refresh, "r1").at(1)
}

fn refresh(old: &str, new: Option<&str>) -> Sighting {
    let step = step(API, Activity::TokenIssue)
        .spends(OneTime::RefreshToken, HandleKind::Refresh, old)
        .issues(HandleKind::Access, "t")
        .edit(|_, clues| clues.request_hash = 1);
    match new {
        Some(new) => step.issues(HandleKind::Refresh, new),
        None => step,
    }
}

#[test]
fn a_refresh_token_that_was_replaced_is_used_up() {
    check_reuse(
        vec![
            tokens().from(1, 1),
            refresh("r1", Some("r2")).at(10).from(1, 1),
            refresh("r2", Some("r3")).at(20).from(1, 1),
            refresh("r1", None).at(30).from(66, 6).refused(),
            refresh("r1", None).at(31).from(1, 1).refused(),
        ],
        &expect![[r#"
            user:alice, first use
            user:alice, first use
            user:alice, first use
            user:alice, refresh_token used before at 10 by another client
            user:alice, refresh_token used before at 10 by the same client
        "#]],
    );
}

#[test]
fn a_refresh_token_that_is_not_replaced_may_be_used_again() {
    check_reuse(
        vec![tokens(), refresh("r1", None).at(10), refresh("r1", None).at(20), refresh("r1", None).at(999)],
        &expect![[r#"
            user:alice, first use
            user:alice, first use
            user:alice, first use
            user:alice, first use
        "#]],
    );
}

#[test]
fn a_request_that_is_sent_again_is_no_second_use() {
    let again = |at| refresh("r1", Some("r2")).at(at).from(1, 1);
    check_reuse(
        vec![
            tokens().from(1, 1),
            // Refused, so not used.
            refresh("r1", None).at(9).from(1, 1).refused(),
            again(10),
            again(20),
            again(21),
            again(15).edit(|tx, _| tx.flow.src.set_port(1)),
            again(15).from(66, 6),
        ],
        &expect![[r#"
            user:alice, first use
            user:alice, first use
            user:alice, first use
            user:alice, first use
            user:alice, refresh_token used before at 10 by the same client
            user:alice, refresh_token used before at 10 by the same client
            user:alice, refresh_token used before at 10 by another client
        "#]],
    );
}

#[test]
fn a_code_or_ticket_is_used_up_by_what_it_was_for() {
    let code = || step(API, Activity::TokenIssue).spends(OneTime::AuthorizationCode, HandleKind::Code, "c");
    let ticket = |outcome| verify(API, outcome).spends(OneTime::Ticket, HandleKind::Challenge, "ticket");
    check_reuse(
        vec![
            // The code was handed out where nobody looked.
            code().issues(HandleKind::Access, "t").at(1),
            code().at(40).refused(),
            login(API, "alice", LoginOutcome::SecondFactor).issues(HandleKind::Challenge, "ticket").at(50),
            ticket(MfaOutcome::FailCode).at(51),
            ticket(MfaOutcome::Success).at(52),
            ticket(MfaOutcome::Success).at(80),
        ],
        &expect![[r#"
            anonymous:203.0.113.7, first use
            anonymous:203.0.113.7, authorization_code used before at 1 by the same client
            user:alice, first use
            user:alice, first use
            user:alice, first use
            user:alice, ticket used before at 52 by the same client
        "#]],
    );
}

#[test]
fn a_proof_of_possession_is_for_one_request() {
    let call = |mark: u64| step(API, Activity::Use).edit(|_, clues| clues.dpop_jti = Some(mark));
    check_reuse(
        vec![
            call(7).at(1).refused(),
            call(7).at(2),
            call(8).at(20),
            call(7).at(30),
            call(7).at(30).edit(|tx, _| tx.repeat_of = Some(TransactionId(1))),
            // No server takes a proof this old, so that it is not remembered.
            call(9).at(700),
            call(7).at(701),
        ],
        &expect![[r#"
            anonymous:203.0.113.7, first use
            anonymous:203.0.113.7, first use
            anonymous:203.0.113.7, first use
            anonymous:203.0.113.7, dpop_proof used before at 2 by the same client
            anonymous:203.0.113.7, first use
            anonymous:203.0.113.7, first use
            anonymous:203.0.113.7, first use
        "#]],
    );
}
