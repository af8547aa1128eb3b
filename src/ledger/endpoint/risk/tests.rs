//! Each reason alone, beside the nearest row that does not have it.

use super::*;
use heelguard_detectors::story::transactions;

fn row(labels: &str) -> Endpoint {
    let labels = if labels.is_empty() { String::new() } else { format!(" labels={labels}") };
    let story = format!("09:00:00 203.0.113.7 -> use GET /r 200 user=ann{labels}");
    let tx = transactions(&story).unwrap().remove(0);
    let request = tx.request.clone().unwrap();
    Endpoint { looked: 9, ..Endpoint::new(&request, tx.time) }
}

fn told(row: &Endpoint) -> Vec<Danger> {
    let risk = of(row);
    let sum: u32 = risk.reasons.iter().map(|reason| u32::from(reason.danger.points())).sum();
    assert_eq!(u32::from(risk.score), sum.min(100), "{risk:?}");
    risk.reasons.iter().map(|reason| reason.danger).collect()
}

fn with(mut row: Endpoint, levels: &[(ProofLevel, u64)]) -> Endpoint {
    for (level, count) in levels {
        row.proofs[*level as usize] = *count;
    }
    row
}

fn holding(mut row: Endpoint, classes: &[DataClass]) -> Endpoint {
    for class in classes {
        row.classes[*class as usize] = 3;
    }
    row
}

#[test]
fn an_ordinary_endpoint_has_no_risk() {
    let ordinary =
        with(row(""), &[(ProofLevel::Mfa, 100), (ProofLevel::Password, 7), (ProofLevel::Unknown, 9)]);
    assert_eq!(of(&ordinary), Risk::default());
}

#[test]
fn an_answer_to_nobody_counts_where_others_prove_who_they_are() {
    use ProofLevel::{None, Password, Unknown};
    assert_eq!(told(&with(row(""), &[(None, 2), (Password, 9)])), [Danger::Anonymous]);
    assert_eq!(told(&with(row(""), &[(None, 2)])), [], "a public page");
    assert_eq!(told(&with(row(""), &[(None, 2), (Unknown, 9)])), [], "nobody knows what they proved");
    assert_eq!(told(&with(row("login"), &[(None, 2), (Password, 9)])), [], "who signs in has nothing yet");
    let reason = of(&with(row(""), &[(None, 1), (Password, 9)])).reasons.remove(0);
    assert_eq!(reason.words, "answered one call without any credential, beside 9 with one");
}

#[test]
fn data_for_everybody_counts_more_than_data() {
    use ProofLevel::{None, Password};
    let public = holding(with(row(""), &[(None, 2)]), &[DataClass::Email]);
    assert_eq!(told(&public), [Danger::AnonymousData, Danger::ContactData]);
    let own = holding(with(row(""), &[(Password, 2)]), &[DataClass::Email]);
    assert_eq!(told(&own), [Danger::ContactData]);
    assert_eq!(of(&own).reasons[0].words, "answers hold e-mail addresses (in 3 of 9 looked into)");
}

#[test]
fn keys_count_where_people_prove_a_second_factor() {
    use ProofLevel::{ApiKey, Mfa, Password};
    assert_eq!(told(&with(row(""), &[(ApiKey, 2), (Mfa, 9)])), [Danger::KeyBesideFactor]);
    assert_eq!(told(&with(row(""), &[(ApiKey, 2), (Password, 9)])), []);
    assert_eq!(told(&Endpoint { around_mfa: 1, ..row("") }), [Danger::AroundFactor]);
}

#[test]
fn what_a_route_is_for_counts() {
    for (labels, expected) in [("export", vec![Danger::Privileged]), ("payment", vec![]), ("session", vec![])]
    {
        assert_eq!(told(&row(labels)), expected, "{labels}");
    }
}

#[test]
fn classes_of_data_count_by_what_they_are() {
    use DataClass::{Card, Email, Iban, NationalId, Phone, Token};
    for (class, expected) in [
        (Card, Danger::FinancialData),
        (Iban, Danger::FinancialData),
        (NationalId, Danger::FinancialData),
        (Email, Danger::ContactData),
        (Phone, Danger::ContactData),
        (Token, Danger::TokenData),
    ] {
        assert_eq!(told(&holding(row(""), &[class])), [expected], "{class}");
    }
    let all = holding(row(""), DataClass::ALL);
    assert_eq!(told(&all), [Danger::FinancialData, Danger::TokenData, Danger::ContactData], "each once");
    assert_eq!(told(&holding(row("token"), &[Token])), [], "tokens are its purpose");
}

#[test]
fn how_credentials_travel_counts() {
    assert_eq!(told(&Endpoint { credential_in_url: 1, ..row("") }), [Danger::CredentialInUrl]);
    assert_eq!(told(&Endpoint { plain_from_outside: 1, ..row("") }), [Danger::PlainFromOutside]);
    assert_eq!(told(&Endpoint { undeclared: 1, ..row("") }), [Danger::Undeclared]);
    assert_eq!(told(&Endpoint { from_outside: 9, ..row("") }), []);
    assert_eq!(told(&Endpoint { taken: 1 << CredentialKind::Basic as u32, ..row("") }), [Danger::Basic]);
    assert_eq!(told(&Endpoint { taken: 1 << CredentialKind::Digest as u32, ..row("") }), []);
}

#[test]
fn no_score_is_above_a_hundred() {
    use ProofLevel::{ApiKey, Mfa, None};
    let worst = holding(with(row("export"), &[(None, 1), (ApiKey, 1), (Mfa, 1)]), DataClass::ALL);
    let worst = Endpoint {
        credential_in_url: 1,
        plain_from_outside: 1,
        around_mfa: 1,
        undeclared: 1,
        taken: 1 << CredentialKind::Basic as u32,
        ..worst
    };
    assert_eq!((told(&worst).len(), of(&worst).score), (Danger::ALL.len(), SCORE_MAX));
}

#[test]
fn the_page_on_the_inventory_says_what_each_reason_weighs() {
    let page = include_str!("../../../../docs/inventory.md");
    for danger in Danger::ALL {
        let line = format!("| `{}` | {} | {} |", danger.name(), danger.points(), danger.meaning());
        assert!(page.contains(&line), "docs/inventory.md does not say: {line}");
    }
}
