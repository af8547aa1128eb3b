//! Values that are of a class, each beside the nearest that is not.

use super::*;
use DataClass::{Card, Email, Iban, NationalId, Phone, Token};

fn class(name: &str, around: &str, text: &str) -> Option<DataClass> {
    let kind = crate::identity::contents::kinds::of_text(text.as_bytes());
    of(text.as_bytes(), kind, Called { name: name.as_bytes(), around: around.as_bytes(), known: None })
}

#[test]
fn a_number_in_one_piece_is_a_card_where_its_field_says_so() {
    for (name, around, expected) in [
        ("card_number", "", Some(Card)),
        ("cardNumber", "", Some(Card)),
        ("PAN", "", Some(Card)),
        ("number", "card", Some(Card)),
        ("number", "creditCard", Some(Card)),
        ("number", "order", None),
        ("card_id", "", None),
        ("cardToken", "", None),
        ("cardinality", "", None),
        ("company", "", None),
        ("id", "card", None),
        ("", "", None),
    ] {
        assert_eq!(class(name, around, "4111111111111111"), expected, "{around}.{name}");
        let called = Called { name: name.as_bytes(), around: around.as_bytes(), known: None };
        assert_eq!(of_number(b"4111111111111111", called), expected, "{around}.{name}");
    }
    assert_eq!(class("note", "", "4111 1111 1111 1111"), Some(Card), "nothing else is written so");
    assert_eq!(class("note", "", "4111 1111 1111 1112"), None);
    assert_eq!(class("card", "", "4111111111111112"), None, "its check digit is wrong");
}

#[test]
fn an_account_and_an_address_speak_for_themselves() {
    assert_eq!(class("x", "", "DE89370400440532013000"), Some(Iban));
    assert_eq!(class("x", "", "MT84MALT011000012345MTLCAST001S"), Some(Iban));
    assert_eq!(class("x", "", "DE89370400440532013001"), None);
    assert_eq!(class("x", "", "ann@example.com"), Some(Email));
    assert_eq!(class("email", "", "ann at example.com"), None);
}

#[test]
fn a_telephone_number_is_one_by_its_field_too() {
    assert_eq!(class("phone", "", "+49 151 23456789"), Some(Phone));
    assert_eq!(class("billingMobile", "", "+4915123456789"), Some(Phone));
    assert_eq!(class("balance", "", "+4915123456789"), None);
    assert_eq!(class("phone", "", "0151 23456789"), None, "not in international form");
    assert_eq!(class("phone", "", "+0151 23456789"), None);
    assert_eq!(class("phone", "", "+49 15"), None);
    assert_eq!(class("telemetry", "", "+4915123456789"), None);
}

#[test]
fn numbers_of_states_are_told_by_field_form_and_check() {
    for (name, text, expected) in [
        ("dni", "12345678Z", Some(NationalId)),
        ("dni", "12345678A", None),
        ("sku", "12345678Z", None),
        ("bsn", "111222333", Some(NationalId)),
        ("order", "111222333", None),
        ("personnummer", "811228-9874", Some(NationalId)),
        ("order", "811228-9874", None),
        ("ssn", "078-05-1120", Some(NationalId)),
        ("social_security_number", "078-05-1120", Some(NationalId)),
        ("socialNumber", "078-05-1120", None),
        ("national_id", "X1234567L", Some(NationalId)),
        // Sixteen letters and digits with a date and a check among them are nothing else.
        ("code", "RSSMRA85T10A562S", Some(NationalId)),
        ("code", "RSSMRA85T10A562T", None),
    ] {
        assert_eq!(class(name, "", text), expected, "{name}: {text}");
    }
    let bsn = Called { name: b"bsn", ..Called::default() };
    assert_eq!(of_number(b"111222333", bsn), Some(NationalId));
    assert_eq!(of_number(b"111222333", Called::default()), None);
}

#[test]
fn a_token_says_what_it_is_or_its_field_does() {
    let stripe = concat!("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc");
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    for text in [stripe, jwt] {
        assert_eq!(class("note", "", text), Some(Token), "{text}");
    }
    let random = "tnbb4188906e52l9fo856k8e1irfcnzd";
    assert_eq!(class("etag", "", random), None);
    for (known, expected) in [
        (Answered::Access, Some(Token)),
        (Answered::ClientSecret, Some(Token)),
        (Answered::Token, None),
        (Answered::UserId, None),
    ] {
        let called = Called { known: Some(known), ..Called::default() };
        assert_eq!(of_text(random.as_bytes(), called), expected, "{known:?}");
    }
    let called = Called { known: Some(Answered::Access), ..Called::default() };
    assert_eq!(of_text(b"see the documentation", called), None);
    assert_eq!(of_text(b"short", called), None);
}

#[test]
fn names_have_words_in_every_spelling() {
    for name in ["billing_phone", "billingPhone", "BILLING-PHONE", "billing.phone", "phone"] {
        assert!(words(name.as_bytes(), |word| word == b"phone"), "{name}");
    }
    for name in ["", "billingphone", "phones", "p", &"x".repeat(999)] {
        assert!(!words(name.as_bytes(), |word| word == b"phone"), "{name}");
    }
}
