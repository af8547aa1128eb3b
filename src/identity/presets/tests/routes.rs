//! Patterns and paths: the most exact one decides, and a near miss is none.

use super::super::Routes;
use crate::identity::config::RouteLabel;
use crate::identity::labels::Labels;

/// `METHOD PATH LABEL`, `-` for every method.
fn routes(patterns: &[&str]) -> Result<Routes, String> {
    let labels: Vec<RouteLabel> = patterns
        .iter()
        .map(|pattern| {
            let [method, path, label] = pattern.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{pattern}")
            };
            let method = (method != "-").then(|| method.to_owned());
            let label = Some(label.to_owned());
            RouteLabel { path: path.to_owned(), method, label, ..RouteLabel::default() }
        })
        .collect();
    Routes::new(labels.iter().map(|route| ("x.toml", route)))
}

#[track_caller]
fn check(patterns: &[&str], cases: &[(&str, &str)]) {
    let routes = routes(patterns).unwrap();
    for (request, wanted) in cases {
        let [method, path, operation @ ..] = &request.split(' ').collect::<Vec<_>>()[..] else { panic!() };
        let operation = operation.first().unwrap_or(&"").as_bytes();
        let found =
            routes.find(method.as_bytes(), path.as_bytes(), operation).map(|rule| rule.labels.unwrap());
        assert_eq!(found, Labels::named(wanted), "{request}");
    }
}

#[test]
fn a_star_is_one_segment_and_two_are_any_number() {
    check(
        &["- /a/*/c mfa", "- /a/** login", "- **/oauth/token token", "- **/v1/** session"],
        &[
            ("GET /a/b/c", "mfa"),
            ("GET /A/b/C", "mfa"),
            ("GET /a/b/c/", "mfa"),
            ("GET //a//b;v=2/%63", "mfa"),
            ("GET /a/b/d", "login"),
            ("GET /a", "login"),
            ("GET /oauth/token", "token"),
            ("GET /tenants/7/oauth/token", "token"),
            ("GET /oauth/token/7", ""),
            ("GET /oauth", ""),
            ("GET /x/v1", "session"),
            ("GET /x/v1/y/z", "session"),
            ("GET /b/b/c", ""),
            ("GET /", ""),
            ("OPTIONS *", ""),
            ("GET ", ""),
        ],
    );
}

#[test]
fn the_most_exact_pattern_decides_whatever_the_order() {
    check(
        &["- /** none", "- /a/* mfa", "- /a/b login", "POST /a/b token", "- **/b logout", "- /*/c/d session"],
        &[
            ("POST /a/b", "token"),
            ("GET /a/b", "login"),
            ("GET /a/x", "mfa"),
            ("GET /x/b", "logout"),
            ("GET /a/c/d", "session"),
            ("GET /x/y/z", "none"),
            ("GET /", "none"),
        ],
    );
    check(
        &["POST /Idp.Verify mfa"],
        &[("POST / Idp.Verify", "mfa"), ("POST / Idp.Describe", ""), ("POST /", "")],
    );
    check(&["- / mfa"], &[("POST /", "mfa"), ("POST /x", "")]);
    check(&["POST /a/b mfa", "- /a/* login"], &[("POST /a/b", "mfa"), ("GET /a/b", "login")]);
}

#[test]
fn what_is_no_pattern_is_refused_by_name() {
    let refused = |pattern: &str| {
        let problem = routes(&[pattern]).err().unwrap_or_default();
        assert!(problem.contains("x.toml"), "{pattern}: {problem}");
    };
    refused("- a/b mfa");
    refused("- ** mfa");
    refused("- /a/**/b mfa");
    refused("- /a*/b mfa");
    refused("- **/* mfa");
    refused("- **/*/b mfa");
    refused("- /a/b mfaa");
    refused("post /a/b mfa");
    assert!(routes(&["- /a mfa", "- /a/ mfa"]).is_ok());
    assert!(routes(&["- /a mfa", "- /A/ login"]).is_err());
}

#[test]
fn a_hostile_path_ends() {
    let routes =
        routes(&["- /*/*/*/*/*/*/*/*/a mfa", "- **/a/*/*/*/*/*/*/*/b mfa", "- **/a/a/a/a/b mfa"]).unwrap();
    assert_eq!(routes.find(b"GET", "/a".repeat(100_000).as_bytes(), b""), None);
    assert_eq!(routes.find(b"GET", "/".repeat(100_000).as_bytes(), b""), None);
    assert_eq!(routes.find(b"GET", &[0xFF; 1000], b""), None);
}
