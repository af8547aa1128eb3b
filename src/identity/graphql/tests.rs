//! Requests as they are sent, and the operation they ask for in one line. Stories come in pairs.

use super::*;
use crate::identity::config::{Identity, Network, Privacy};
use crate::identity::geo::Geo;
use crate::identity::secret::Keyring;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn settings() -> &'static Settings {
    static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
        let keyring = Keyring::from_bytes(&[7; 32]).unwrap();
        let (network, identity) = (Network::default(), Identity::default());
        Settings::build(&network, &identity, &Privacy::default(), keyring, Geo::builtin()).unwrap()
    });
    &SETTINGS
}

/// The operation of a body under a media type, and the known arguments found in its documents.
fn told(path: &str, query: &str, content_type: &str, body: &[u8]) -> String {
    let mut reader = Reader::default();
    let mut asking = Asking {
        path: path.as_bytes(),
        query: query.as_bytes(),
        content_type: Some(content_type.as_bytes()),
        ..Asking::default()
    };
    asking.fields.read_pairs(query.as_bytes(), Location::Query, &settings().fields);
    asking.body(body, false, settings());
    let before = asking.fields.known.len();
    let Some(operation) = reader.read(&mut asking, body, settings()) else { return "none".to_owned() };
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let arguments = asking.fields.known.iter().skip(before);
    let arguments: String =
        arguments.map(|k| format!(" {:?}={}", k.field, String::from_utf8_lossy(&k.value))).collect();
    let name = operation.name.as_deref().map_or("-".to_owned(), text);
    let fields: Vec<String> = operation.fields.iter().map(|name| text(name)).collect();
    let beyond = if operation.beyond_limit { " beyond limit" } else { "" };
    let (kind, auth, labels) = (operation.kind, operation.auth_operations, operation.labels.public());
    format!("{kind} {name} [{}] {auth} auth {labels:?}{arguments}{beyond}", fields.join(" "))
}

/// A document in a JSON body.
fn ask(document: &str) -> String {
    let body = serde_json::json!({ "query": document }).to_string();
    told("/graphql", "", "application/json", body.as_bytes())
}

#[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
fn check(documents: &[&str], expected: Expect) {
    let lines: String = documents.iter().map(|document| format!("{}\n", ask(document))).collect();
    expected.assert_eq(&lines);
}

#[test]
fn variables_of_any_name_are_what_they_are_bound_to() {
    let json = "application/json";
    let login = r#"{"query":"mutation($e: String!, $p: String!){ login(email: $e, password: $p){ t } }",
        "variables":{"e":"al@example.com","p":"Harbor-rill9925!","x":"no","deeper":{"p":"no"}}}"#;
    let code = r#"{"variables":{"c":482913},"query":"mutation M($c: Int = 5){ verifyOtp(input: {code: $c}){ ok } }"}"#;
    let batch = r#"[{"query":"mutation($a: String!){ verifyOtp(code: $a){ ok } }","variables":{"a":"111111"}},
        {"query":"mutation($a: String!){ verifyOtp(code: $a){ ok } }","variables":{"a":"222222"}}]"#;
    let named = r#"{"query":"mutation($password: String!){ login(password: $password){ t } }","variables":{"password":"x"}}"#;
    let unbound = r#"{"query":"query($c: String){ orders(note: $c){ id } }","variables":{"c":"123456"}}"#;
    let lines: Vec<String> =
        [login, code, batch, named, unbound].map(|body| told("/graphql", "", json, body.as_bytes())).into();
    expect![[r#"
        mutation - [login] 1 auth {"login"} Name=al@example.com Password=Harbor-rill9925!
        mutation M [verifyOtp] 1 auth {"mfa"} AnyCode=482913
        mutation - [verifyOtp] 2 auth {"mfa"} AnyCode=111111 AnyCode=222222
        mutation - [login] 1 auth {"login"}
        query - [orders] 0 auth {}"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn operations_are_named_with_their_real_fields() {
    check(
        &[
            "{ me { email } }",
            "query Orders($first: Int = 10) @cached { orders(first: $first) { id } total: count }",
            "mutation L { login(email: \"al@example.com\", password: \"Harbor-rill9925!\") { token } }",
            "mutation { verifyOtp(input: {code: \"123456\"}) { ok } }",
            "mutation { disableTwoFactor { ok } changePassword(new: \"x\") { ok } createApiKey { key } }",
            "subscription { orderPlaced { id } }",
            "# login\nquery{orders(note:\"} mutation { login\"){id}}",
            "query{orders(note:\"\"\"a \\\"\"\" } login {\"\"\"){id}}",
        ],
        expect![[r#"
            query - [me] 0 auth {"account"}
            query Orders [orders count] 0 auth {}
            mutation L [login] 1 auth {"login"} Name=al@example.com Password=Harbor-rill9925!
            mutation - [verifyOtp] 1 auth {"mfa"} AnyCode=123456
            mutation - [disableTwoFactor changePassword createApiKey] 1 auth {"mfa", "key", "factor", "password"}
            subscription - [orderPlaced] 0 auth {}
            query - [orders] 0 auth {}
            query - [orders] 0 auth {}
        "#]],
    );
}

#[test]
fn tries_are_counted_through_aliases_fragments_and_batches() {
    check(
        &[
            "mutation { a: login(p:1){t} b: login(p:2){t} c: login(p:3){t} }",
            "mutation { ...F } fragment F on Mutation { a: login{t} ...G } fragment G on M { b: verifyOtp{t} }",
            "mutation { ... on Mutation { a: login{t} } ... @include(if: true) { b: login{t} } }",
            "query A { orders } mutation B { login{t} }",
            "mutation { deposit{login{t}} }",
            "query { a: orders b: orders c: orders }",
            "mutation { logout{ok} revokeToken{ok} }",
        ],
        expect![[r#"
            mutation - [login] 3 auth {"login"}
            mutation - [login verifyOtp] 2 auth {"login", "mfa"}
            mutation - [login] 2 auth {"login"}
            query A [orders] 0 auth {}
            mutation - [deposit] 0 auth {}
            query - [orders] 0 auth {}
            mutation - [logout revokeToken] 0 auth {"token", "logout", "oauth"}
        "#]],
    );
    let batch = r#"[{"variables":{"query":"mutation{x}"},"query":"mutation A{login{t}}"},
        {"operationName":"B","query":"query A{x} mutation B{login{t}}"},{"query":"query{orders}"}]"#;
    assert_eq!(
        told("/graphql", "", "application/json", batch.as_bytes()),
        r#"mutation A [login orders] 2 auth {"login"}"#
    );
}

#[test]
fn documents_travel_in_several_ways_and_other_queries_are_none() {
    let json = "application/json";
    let cases: &[(&str, &str, &str, &str)] = &[
        ("/api", "", "application/graphql", "{ me { id } }"),
        ("/api", "", "application/graphql; charset=utf-8", r#"{"query":"{me{id}}"}"#),
        ("/api", "query=%7Borders%7Bid%7D%7D&operationName=", json, ""),
        ("/graphql", "operationName=Orders&extensions=%7B%22persistedQuery%22%3A1%7D", json, ""),
        (
            "/graphql",
            "",
            json,
            r#"{"operationName":"TokenAuth","extensions":{"persistedQuery":{"sha256Hash":"x"}}}"#,
        ),
        ("/graphql", "", json, r#"{"operationName":"Orders","variables":{}}"#),
        ("/graphql", "", json, r#"{"hello":"world"}"#),
        ("/search", "query=query+planning", json, ""),
        ("/search", "query=%7B%22match%22%3A1%7D", json, ""),
        ("/search", "", json, r#"{"query":"mutation of genes"}"#),
        ("/search", "", json, r#"{"query":{"match":{"a":1}}}"#),
        ("/users", "", json, r#"{"name":"x"}"#),
    ];
    let told: String =
        cases.iter().map(|(p, q, t, b)| format!("{}\n", told(p, q, t, b.as_bytes()))).collect();
    expect![[r#"
        query - [me] 0 auth {"account"}
        query - [me] 0 auth {"account"}
        query - [orders] 0 auth {}
        query Orders [] 0 auth {}
        mutation TokenAuth [] 1 auth {"login", "token"}
        query Orders [] 0 auth {}
        none
        none
        none
        none
        none
        none
    "#]]
    .assert_eq(&told);
}

#[test]
fn hostile_documents_are_bounded() {
    let deep = format!("query{{a{}", "{b".repeat(100_000));
    assert!(ask(&deep).ends_with("beyond limit"));
    let aliases: String = (0..5_000).map(|n| format!("a{n}:login{{t}} ")).collect();
    let told = ask(&format!("mutation{{{aliases}}}"));
    assert!(told.contains(" 1000 auth ") && told.ends_with("beyond limit"), "{told}");
    let circle = "mutation{...A} fragment A on M{...B login{t}} fragment B on M{...A login{t}}";
    assert!(ask(circle).contains(" 2 auth "));
    let long = format!("query{{{}}}", "orders ".repeat(100_000));
    assert!(ask(&long).ends_with("beyond limit"));
    let batch = format!("[{}]", vec![r#"{"query":"mutation{login{t}}"}"#; 1_500].join(","));
    let told = super::tests::told("/graphql", "", "application/json", batch.as_bytes());
    assert!(told.contains(" 1000 auth ") && told.ends_with("beyond limit"), "{told}");
    let blocks = format!("{{a(b:{}", "\"\"\"".repeat(20_001));
    ask(&blocks);
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(document in "[ -~\\n]{0,200}", raw in prop::collection::vec(any::<u8>(), 0..200)) {
        ask(&document);
        ask(&format!("mutation{{{document}"));
        told("/graphql", "", "application/graphql", &raw);
        told("/graphql", "", "application/json", &raw);
    }

    #[test]
    fn blanks_commas_and_comments_change_nothing(gap in "( |,|\\n|\\t|#[a-z{}\"]*\\n){0,4}") {
        let tokens = [
            "mutation", "Log", "(", "$", "p", ":", "String", "!", ")", "{", "a", ":", "login", "(", "email", ":",
            "\"al@example.com\"", "pw", ":", "$", "p", ")", "{", "token", "}", "...", "F", "}", "fragment", "F",
            "on", "M", "{", "b", ":", "verifyOtp", "{", "ok", "}", "}",
        ];
        let (document, spaced) = (tokens.join(" "), tokens.join(&format!(" {gap} ")));
        prop_assert_eq!(ask(&spaced), ask(&document));
    }
}
