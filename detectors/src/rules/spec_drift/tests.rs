//! The ways to differ from a description, each with its nearest innocent.

use super::RULE;
use crate::story::{check_rule, tell};
use expect_test::expect;

#[test]
fn an_answer_without_the_declared_credential() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> use GET /v1/orders 200 security=missing
         10:00:05 203.0.113.8 -> use GET /v1/orders 200 security=missing x9
         11:00:00 203.0.113.7 -> use GET /v1/people 200 security=missing holds=email
         12:00:00 203.0.113.7 -> sensitive GET /v1/export 200 security=missing labels=export
         13:00:00 203.0.113.7 -> login POST /v1/login 200 user=ann security=missing
         1d+10:00:00 203.0.113.7 -> use GET /v1/orders 200 security=missing",
        expect![[r#"
            10:00:00.000 POS-05 spec_drift high GET api.example.com /v1/orders (unsecured): GET /v1/orders answers 203.0.113.7 without a credential, where its description wants bearer
            11:00:00.000 POS-05 spec_drift critical GET api.example.com /v1/people (unsecured): GET /v1/people answers 203.0.113.7 without a credential, where its description wants bearer
            12:00:00.000 POS-05 spec_drift critical GET api.example.com /v1/export (unsecured): GET /v1/export answers 203.0.113.7 without a credential, where its description wants bearer
            13:00:00.000 POS-05 spec_drift low POST api.example.com /v1/login (unsecured): POST /v1/login answers 203.0.113.7 without a credential, where its description wants bearer
            10:00:00.000 POS-05 spec_drift high GET api.example.com /v1/orders (unsecured): GET /v1/orders answers 203.0.113.7 without a credential, where its description wants bearer (10 answers since this was told)
        "#]],
    );
}

#[test]
fn who_is_refused_or_shows_what_is_wanted_is_no_drift() {
    let told = tell(
        "10:00:00 203.0.113.7 -> use GET /v1/orders {401,403,404,302,500} security=missing x10
         10:01:00 203.0.113.7 -> use GET /v1/orders 200 user=ann bearer=t security=shown
         10:02:00 203.0.113.7 -> use GET /v1/status 200 security=open
         10:03:00 203.0.113.7 -> use GET /v1/a 404 spec=undeclared_path
         10:04:00 203.0.113.7 -> use GET /v1/a 200 spec=no_spec
         10:05:00 203.0.113.7 -> use GET /v1/old 410 spec=deprecated
         10:06:00 203.0.113.7 -> use POST /v1/a 422 undocumented=json:role
         10:07:00 203.0.113.7 -> use GET /logo.png 200 spec=undeclared_path type=image/png",
    );
    let told = told.unwrap();
    assert!(!told.contains("POS-05"), "{told}");
}

#[test]
fn a_credential_that_is_not_declared() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> use GET /v1/orders 200 user=ann session=s security=other",
        expect![[r#"
            10:00:00.000 POS-05 spec_drift low GET api.example.com /v1/orders (other_credential): GET /v1/orders takes session, where its description wants bearer
        "#]],
    );
}

#[test]
fn operations_that_nobody_declared() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> use GET /v1/debug/7 200 user=ann bearer=t route=/v1/debug/{id} spec=undeclared_path
         10:00:01 203.0.113.7 -> use GET /v1/debug/8 200 user=ann bearer=t route=/v1/debug/{id} spec=undeclared_path
         10:01:00 203.0.113.7 -> use DELETE /v1/orders 204 user=ann bearer=t spec=undeclared_method
         10:02:00 203.0.113.7 -> use GET /v1/dump 200 spec=undeclared_path holds=email,card",
        expect![[r#"
            10:00:00.000 POS-05 spec_drift medium GET api.example.com /v1/debug/{id} (shadow): GET /v1/debug/{id} is answered, and no description declares it
            10:01:00.000 POS-05 spec_drift medium DELETE api.example.com /v1/orders (shadow): DELETE /v1/orders is answered, and its path is declared without this method
            10:02:00.000 POS-05 spec_drift high GET api.example.com /v1/dump (shadow): GET /v1/dump is answered, and no description declares it
        "#]],
    );
}

#[test]
fn what_should_be_gone_and_what_nothing_is_said_of() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> use GET /v0/orders 200 user=ann bearer=t spec=deprecated
         10:01:00 203.0.113.7 -> use POST /v1/users 201 user=ann bearer=t undocumented=json:role
         10:02:00 203.0.113.7 -> use POST /v1/users 201 user=ann bearer=t undocumented=query:debug
         1d+10:02:00 203.0.113.7 -> use POST /v1/users 201 user=ann bearer=t undocumented=query:trace",
        expect![[r#"
            10:00:00.000 POS-05 spec_drift low GET api.example.com /v0/orders (zombie): GET /v0/orders is declared as deprecated and is still answered
            10:01:00.000 POS-05 spec_drift low POST api.example.com /v1/users (parameter): POST /v1/users takes role (json), of which its description says nothing
            10:02:00.000 POS-05 spec_drift low POST api.example.com /v1/users (parameter): POST /v1/users takes debug (query), role (json), trace (query), of which its description says nothing (2 answers since this was told)
        "#]],
    );
}
