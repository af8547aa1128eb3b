//! One person under several names, and two persons under one: which names meet, and which never do.

use super::*;
use heelguard_detectors::identity::{Credential, CredentialKind, Location};

fn subject(issuer: &str, subject: &str) -> TokenSubject {
    TokenSubject { issuer: text(issuer), subject: text(subject), name: None, service: false, says_mfa: false }
}

fn me() -> Sighting {
    step(API, Activity::Use).edit(|tx, _| {
        tx.request.as_mut().unwrap().method = text("GET");
        let fingerprint = Fingerprint([0; 16]);
        let (kind, location) = (CredentialKind::Session, Location::Cookie);
        tx.credentials.push(Credential {
            kind,
            class: "session_cookie",
            location,
            name: text("sid"),
            fingerprint,
            known: None,
            stage: None,
        });
    })
}

#[test]
fn an_e_mail_that_is_shown_for_two_accounts_ties_neither_to_the_other() {
    check(
        vec![
            // Met by what the server says of her; nobody logged in under her name yet.
            me().presents(HandleKind::Session, "a").answers("office@x.example", &["alice", "7"]),
            login(API, "bob", LoginOutcome::Success)
                .issues(HandleKind::Session, "b")
                .answers("office@x.example", &["8"]),
            step(API, Activity::Use).presents(HandleKind::Session, "b"),
            step(API, Activity::Use).presents(HandleKind::Session, "a"),
            login(API, "alice", LoginOutcome::Success).issues(HandleKind::Session, "a2"),
            step(API, Activity::Use).presents(HandleKind::Session, "a2"),
            step(API, Activity::Use).presents(HandleKind::Session, "b"),
        ],
        &expect![[r#"
            user:office@x.example by response, proof unknown
            user:bob by login, proof unknown
            user:bob by lineage, proof password
            user:office@x.example by lineage, proof unknown
            user:office@x.example by login, proof unknown
            user:office@x.example by lineage, proof password
            user:bob by lineage, proof password
        "#]],
    );
}

#[test]
fn an_id_ties_the_session_of_before_to_the_login_of_now() {
    check(
        vec![
            me().presents(HandleKind::Session, "a").answers("alice@x.example", &["7"]),
            login(API, "alice", LoginOutcome::Success)
                .issues(HandleKind::Session, "b")
                .answers("alice@x.example", &["7"]),
            step(API, Activity::Use).presents(HandleKind::Session, "b"),
            step(API, Activity::Use).presents(HandleKind::Session, "a"),
        ],
        &expect![[r#"
            user:alice@x.example by response, proof unknown
            user:alice@x.example by login, proof unknown
            user:alice@x.example by lineage, proof password
            user:alice@x.example by lineage, proof unknown
        "#]],
    );
}

#[test]
fn an_e_mail_alone_ties_nobody_who_logged_in_under_another_name() {
    check(
        vec![
            me().presents(HandleKind::Session, "a").answers("alice@x.example", &[]),
            login(API, "mallory", LoginOutcome::Success)
                .issues(HandleKind::Session, "m")
                .answers("alice@x.example", &[]),
            step(API, Activity::Use).presents(HandleKind::Session, "m"),
            step(API, Activity::Use).presents(HandleKind::Session, "a"),
        ],
        &expect![[r#"
            user:alice@x.example by response, proof unknown
            user:mallory by login, proof unknown
            user:mallory by lineage, proof password
            user:alice@x.example by lineage, proof unknown
        "#]],
    );
}

#[test]
fn who_calls_himself_like_an_id_is_not_that_account() {
    check(
        vec![
            login(API, "alice", LoginOutcome::Success)
                .issues(HandleKind::Session, "a")
                .answers("alice@x.example", &["7"]),
            login(API, "7", LoginOutcome::Success)
                .issues(HandleKind::Session, "m")
                .answers("m@x.example", &["9"]),
            step(API, Activity::Use).presents(HandleKind::Session, "m"),
        ],
        &expect![[r#"
            user:alice@x.example by login, proof unknown
            user:m@x.example by login, proof unknown
            user:m@x.example by lineage, proof password
        "#]],
    );
}

#[test]
fn a_name_that_is_another_account_now_is_not_who_had_it() {
    check(
        vec![
            login(API, "alice", LoginOutcome::Success)
                .issues(HandleKind::Session, "a")
                .answers("a@x.example", &["7"]),
            login(API, "alice", LoginOutcome::Success)
                .issues(HandleKind::Session, "b")
                .answers("b@x.example", &["9"]),
            me().presents(HandleKind::Session, "b").answers("b@x.example", &["9"]),
            step(API, Activity::Use).presents(HandleKind::Session, "a"),
        ],
        &expect![[r#"
            user:a@x.example by login, proof unknown
            user:alice by login, proof unknown
            user:alice by lineage, proof password
            user:a@x.example by lineage, proof password
        "#]],
    );
}

#[test]
fn cookie_token_and_key_of_one_person_are_one_person() {
    let jwt = |value: &str| {
        step(API, Activity::Use).presents(HandleKind::Access, value).edit(|tx, clues| {
            tx.principal =
                Principal { kind: PrincipalKind::User, id: text("4"), source: PrincipalSource::Jwt };
            clues.presented_subject = Some(subject("", "4"));
        })
    };
    check(
        vec![
            login(API, "alice", LoginOutcome::Success)
                .issues(HandleKind::Session, "s")
                .issues(HandleKind::Access, "t1")
                .edit(|_, clues| clues.issued_subject = Some(subject("", "4"))),
            step(API, Activity::KeyIssue).presents(HandleKind::Session, "s").issues(HandleKind::ApiKey, "k"),
            step(API, Activity::Use).presents(HandleKind::ApiKey, "k"),
            jwt("t1"),
            // Issued where nobody looked, but the subject is known.
            jwt("t2"),
            // The same subject of a token that another host issued.
            jwt("t3").edit(|tx, _| tx.request.as_mut().unwrap().host = text("other.example")),
        ],
        &expect![[r#"
            user:alice by login, proof unknown
            user:alice by lineage, proof password
            user:alice by lineage, proof api_key
            user:alice by jwt, proof password
            user:alice by jwt, proof unknown
            user:4 by jwt, proof unknown
        "#]],
    );
}

#[test]
fn an_admin_who_asks_for_a_key_for_another_owns_it_unless_the_answer_says_otherwise() {
    let make = |owner: AccountNames, key: &str| {
        step(API, Activity::KeyIssue)
            .presents(HandleKind::Session, "s")
            .issues(HandleKind::ApiKey, key)
            .edit(|_, clues| clues.key_owner = owner)
    };
    let by_id = |id: &str| AccountNames { id: Some(text(id)), ..AccountNames::default() };
    check(
        vec![
            login(API, "root", LoginOutcome::Success)
                .issues(HandleKind::Session, "s")
                .answers("root@x.example", &["1"]),
            make(AccountNames::default(), "k1"),
            step(API, Activity::Use).presents(HandleKind::ApiKey, "k1"),
            make(by_id("1"), "k2"),
            step(API, Activity::Use).presents(HandleKind::ApiKey, "k2"),
            // Somebody's, but nobody's who is known.
            make(by_id("5"), "k3"),
            step(API, Activity::Use).presents(HandleKind::ApiKey, "k3"),
        ],
        &expect![[r#"
            user:root@x.example by login, proof unknown
            user:root@x.example by lineage, proof password
            user:root@x.example by lineage, proof api_key
            user:root@x.example by lineage, proof password
            user:root@x.example by lineage, proof api_key
            user:root@x.example by lineage, proof password
            anonymous:203.0.113.7 by address, proof api_key
        "#]],
    );
}

#[test]
fn a_token_for_somebody_else_is_not_its_bearers_who_asked_for_it() {
    let jwt = |value: &str, id: &str| {
        let claimed = subject("https://idp.example", id);
        step(API, Activity::Use).presents(HandleKind::Access, value).edit(|_, clues| {
            clues.presented_subject = Some(claimed);
        })
    };
    check(
        vec![
            jwt("v1", "victim"),
            login(API, "root", LoginOutcome::Success).issues(HandleKind::Session, "s"),
            step(API, Activity::Sensitive)
                .presents(HandleKind::Session, "s")
                .issues(HandleKind::Access, "v2")
                .edit(|_, clues| clues.issued_subject = Some(subject("https://idp.example", "victim"))),
            jwt("v2", "victim"),
            step(API, Activity::Use).presents(HandleKind::Session, "s"),
        ],
        &expect![[r#"
            user:victim by jwt, proof unknown
            user:root by login, proof unknown
            user:root by lineage, proof password
            user:victim by jwt, proof unknown
            user:root by lineage, proof password
        "#]],
    );
}

#[test]
fn one_value_handed_to_two_callers_speaks_for_neither() {
    let signed_in = |name: &str, own: &str| {
        login(API, name, LoginOutcome::Success)
            .issues(HandleKind::Session, own)
            .issues(HandleKind::Session, "node1")
    };
    check(
        vec![
            signed_in("alice", "a"),
            step(API, Activity::Use).presents(HandleKind::Session, "node1"),
            signed_in("bob", "b"),
            step(API, Activity::Use).presents(HandleKind::Session, "node1"),
            step(API, Activity::Use)
                .presents(HandleKind::Session, "node1")
                .presents(HandleKind::Session, "b"),
        ],
        &expect![[r#"
            user:alice by login, proof unknown
            user:alice by lineage, proof password
            user:bob by login, proof unknown
            anonymous:203.0.113.7 by address, proof unknown
            user:bob by lineage, proof password
        "#]],
    );
}

#[test]
fn an_app_key_that_comes_with_everybody_is_nobodys() {
    let with_app_key = |session: &str, name: &str| {
        me().presents(HandleKind::Access, session).presents(HandleKind::ApiKey, "app").answers(name, &[])
    };
    check(
        vec![
            with_app_key("a", "alice@x.example"),
            with_app_key("b", "bob@x.example"),
            step(API, Activity::Use).presents(HandleKind::ApiKey, "app"),
        ],
        &expect![[r#"
            user:alice@x.example by response, proof unknown
            user:bob@x.example by response, proof unknown
            anonymous:203.0.113.7 by address, proof unknown
        "#]],
    );
}

#[test]
fn a_session_that_names_one_and_then_another_names_nobody() {
    check(
        vec![
            me().presents(HandleKind::Access, "t").answers("alice@x.example", &["7"]),
            step(API, Activity::Use).presents(HandleKind::Access, "t"),
            me().presents(HandleKind::Access, "t").answers("bob@x.example", &["8"]),
            step(API, Activity::Use).presents(HandleKind::Access, "t"),
        ],
        &expect![[r#"
            user:alice@x.example by response, proof unknown
            user:alice@x.example by lineage, proof unknown
            user:bob@x.example by response, proof unknown
            anonymous:203.0.113.7 by address, proof unknown
        "#]],
    );
}

#[test]
fn a_client_is_no_user_and_a_persons_token_is_not_the_clients() {
    let grant = |kind, value: &str| {
        step(API, Activity::TokenIssue)
            .presents(kind, value)
            .issues(HandleKind::Access, "t")
            .edit(|_, clues| clues.client_id = Some(text("web")))
    };
    check(
        vec![
            login(API, "web", LoginOutcome::Success).issues(HandleKind::Session, "s"),
            step(API, Activity::TokenIssue)
                .issues(HandleKind::Access, "own")
                .edit(|_, clues| clues.client_id = Some(text("web"))),
            step(API, Activity::Use).presents(HandleKind::Access, "own"),
            // A person's code of which nothing is known.
            grant(HandleKind::Code, "c"),
            step(API, Activity::Use).presents(HandleKind::Access, "t"),
        ],
        &expect![[r#"
            user:web by login, proof unknown
            service:web by credential, proof unknown
            service:web by lineage, proof unknown
            anonymous:203.0.113.7 by address, proof unknown
            anonymous:203.0.113.7 by address, proof unknown
        "#]],
    );
}

#[test]
fn a_sign_up_under_a_name_that_is_taken_hands_the_stranger_nothing() {
    check(
        vec![
            login(API, "alice@x.example", LoginOutcome::Success).issues(HandleKind::Session, "a"),
            // Answered as if the account were new.
            step(API, Activity::SignUp)
                .issues(HandleKind::Session, "m")
                .edit(|_, clues| clues.login_name = Some(text("alice@x.example"))),
            step(API, Activity::Use).presents(HandleKind::Session, "m"),
            step(API, Activity::SignUp)
                .issues(HandleKind::Session, "c")
                .edit(|_, clues| clues.login_name = Some(text("carol@x.example"))),
            step(API, Activity::Use).presents(HandleKind::Session, "c"),
        ],
        &expect![[r#"
            user:alice@x.example by login, proof unknown
            user:alice@x.example by login, proof unknown
            anonymous:203.0.113.7 by address, proof unknown
            user:carol@x.example by login, proof unknown
            user:carol@x.example by lineage, proof password
        "#]],
    );
}

#[test]
fn a_token_exchanged_on_behalf_of_somebody_is_theirs_and_the_exchange_is_the_programs() {
    let exchange = |token: &str, issued: &str| {
        step(API, Activity::TokenIssue)
            .edit(|_, clues| {
                clues.client_id = Some(text("gateway"));
                clues.named = vec![handle(HandleKind::Access, token)];
                clues.on_behalf = true;
            })
            .issues(HandleKind::Access, issued)
    };
    let with = |token: &str| step(API, Activity::Use).presents(HandleKind::Access, token);
    check(
        vec![
            login(API, "alice", LoginOutcome::Success).issues(HandleKind::Access, "hers"),
            exchange("hers", "for-her"),
            with("for-her"),
            with("hers"),
            exchange("of-somebody", "for-somebody"),
            with("for-somebody"),
            // The same program in its own name.
            step(API, Activity::TokenIssue)
                .edit(|_, clues| clues.client_id = Some(text("gateway")))
                .issues(HandleKind::Access, "its-own"),
            with("its-own"),
        ],
        &expect![[r#"
            user:alice by login, proof unknown
            service:gateway by credential, proof unknown
            user:alice by lineage, proof unknown
            user:alice by lineage, proof password
            service:gateway by credential, proof unknown
            anonymous:203.0.113.7 by address, proof unknown
            service:gateway by credential, proof unknown
            service:gateway by lineage, proof unknown
        "#]],
    );
}
