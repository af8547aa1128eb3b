//! Places where a secret could slip through, each with its nearest innocent, which must stay readable.

use super::*;
use crate::identity::config::Principals;
use heelguard_detectors::transaction::Request;

fn request(text: &str, answer: &str) -> Request {
    see(text, answer).transaction.request.unwrap()
}

/// The path that is recorded, and the template.
fn path(target: &str) -> String {
    let seen = request(&format!("GET {target} HTTP/1.1"), "200");
    assert_eq!(
        seen.path.contains("{secret}"),
        seen.route.contains("{secret}"),
        "{} {}",
        seen.path,
        seen.route
    );
    seen.path.to_string()
}

#[test]
fn a_key_of_the_query_without_a_value_may_be_the_value() {
    let keys = |query: &str| {
        let seen = request(&format!("GET /x?{query} HTTP/1.1"), "200");
        seen.query_keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys("abc123def456"), "{secret}");
    assert_eq!(keys("k9x2p7q=&page=2"), "{secret} page");
    assert_eq!(
        keys("wsdl&utf8&sha256&list-type=2&address2=&versioning"),
        "wsdl utf8 sha256 list-type address2 versioning"
    );
}

#[test]
fn a_short_ticket_behind_its_word_is_masked() {
    assert_eq!(path("/password/reset/abc123def"), "/password/reset/{secret}");
    assert_eq!(path("/invite/xkcdqwrtzv/accept"), "/invite/{secret}/accept");
    assert_eq!(path("/unsubscribe/k9x2p7q"), "/unsubscribe/{secret}");
    for innocent in [
        "/password/reset/confirm",
        "/api/token/refresh",
        "/invite/accept",
        "/orders/abc123def",
        "/v1/verify/email",
    ] {
        assert_eq!(path(innocent), innocent);
    }
}

#[test]
fn a_matrix_parameter_is_a_field() {
    let seen = request("GET /cart;token=abc-def-ghi/pay;version=2-beta HTTP/1.1", "200");
    assert_eq!(&*seen.path, "/cart;token={secret}/pay;version=2-beta");
}

#[test]
fn a_cookies_name_may_hold_a_value() {
    let name = |cookie: &str| {
        let seen = see(&format!("GET / HTTP/1.1\nCookie: {cookie}=tnbb4188906e52l9fo856k8e1irfcnzd"), "200");
        seen.transaction.credentials[0].name.to_string()
    };
    assert_eq!(name("wordpress_logged_in_9f8e7d6c5b4a39281706f5e4d3c2b1a0"), "wordpress_logged_in_{secret}");
    assert_eq!(name("tnbb4188906e52l9fo856k8e1irfcnzd_session"), "{secret}");
    assert_eq!(name("__Host-next-auth.session-token"), "__host-next-auth.session-token");
}

#[test]
fn a_token_in_the_user_agent_is_masked_and_a_browser_is_not() {
    let agent = |agent: &str| {
        request(&format!("GET / HTTP/1.1\nUser-Agent: {agent}"), "200").user_agent.unwrap().to_string()
    };
    assert_eq!(agent("tool/1 (tnbb4188906e52l9fo856k8e1irfcnzd)"), "tool/1 ({secret})");
    let browser = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
    assert_eq!(agent(browser), browser);
}

#[test]
fn a_password_behind_many_fields_is_still_hidden() {
    let form = |field: &str| {
        let padding = "login=x&".repeat(70);
        request(
            &format!(
                "POST /a/Harbor-rill!/b HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\n{padding}{field}=Harbor-rill!"
            ),
            "401",
        )
    };
    assert_eq!(&*form("password").path, "/a/{secret}/b");
    assert_eq!(&*form("motto").path, "/a/Harbor-rill!/b");
    let flood = "password=x&".repeat(1100);
    let seen = request(
        &format!("POST /a/customers HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\n{flood}"),
        "401",
    );
    assert_eq!(&*seen.path, "{secret}", "who sends more than can be compared is not written down");
}

#[test]
fn what_the_answer_hands_out_is_masked_in_its_own_path() {
    let answer = "200\nSet-Cookie: sessionid=kqzrbmwxpt; Path=/";
    assert_eq!(&*request("GET /s/kqzrbmwxpt HTTP/1.1", answer).path, "/s/{secret}");
    assert_eq!(&*request("GET /s/kqzrbmwxpt HTTP/1.1", "200").path, "/s/kqzrbmwxpt");
}

#[test]
fn no_method_is_a_secret() {
    let method = |method: &str| request(&format!("{method} / HTTP/1.1"), "405").method.to_string();
    assert_eq!(method("abc123def456"), "{secret}");
    assert_eq!(method("tnbbxqlfokeirfcnzdtnbbxqlfokeirfcnzd"), "{secret}");
    for innocent in ["GET", "PROPFIND", "BASELINE-CONTROL", "M-SEARCH", "RPC_IN_DATA"] {
        assert_eq!(method(innocent), innocent);
    }
}

#[test]
fn what_was_shared_unchecked_is_checked_when_it_is_recorded() {
    let mut extractor = extractor();
    let token = format!("{}{}", "sk_live_", "4eC39HqLyjWDarjtT1zdp7dc");
    // A text can be shared without having been looked at: that must not make it clean.
    extractor.texts.share(token.as_bytes(), 99);
    let agent = format!("GET / HTTP/1.1\nUser-Agent: {token}");
    for _ in 0..3 {
        let seen = extractor.extract(exchange(&agent, "200")).transaction.request.unwrap();
        assert_eq!(seen.user_agent.as_deref(), Some("{secret}"));
    }
}

#[test]
fn literals_of_graphql_and_what_a_proxy_is_told_are_hidden() {
    let seen = request(
        "POST /a/Harbor-rill!/b HTTP/1.1\nContent-Type: application/json\n\n{\"query\":\"mutation { login(name: \\\"al\\\", password: \\\"Harbor-rill!\\\") { id } }\"}",
        "200",
    );
    assert_eq!(&*seen.path, "/a/{secret}/b");
    let proxied =
        format!("GET /a/Harbor-rill!/b HTTP/1.1\nProxy-Authorization: Basic {}", basic("al:Harbor-rill!"));
    assert_eq!(&*request(&proxied, "200").path, "/a/{secret}/b");
}

#[test]
fn a_secret_in_other_letters_is_masked_too() {
    let login = |target: &str, agent: &str| {
        request(
            &format!(
                "POST {target} HTTP/1.1\nUser-Agent: {agent}\nContent-Type: application/json\n\n{{\"user\":\"al\",\"password\":\"Harbor-rill\"}}"
            ),
            "401",
        )
    };
    let coded = BASE64_STANDARD.encode("al:Harbor-rill");
    let hex: String = "Harbor-rill".bytes().map(|b| format!("{b:02x}")).collect();
    for disguise in [coded.as_str(), &hex, "%48arbor-rill"] {
        let seen = login(&format!("/x/{disguise}/y"), &format!("tool/1 {disguise}"));
        assert_eq!(&*seen.path, "/x/{secret}/y", "{disguise}");
        assert!(!seen.user_agent.unwrap().contains(disguise), "{disguise}");
    }
    let innocent = BASE64_STANDARD.encode("al:rows");
    let seen = login(&format!("/x/{innocent}/y"), "tool/1");
    assert_eq!(&*seen.path, format!("/x/{innocent}/y"));
}

fn with_names(principals: Principals) -> Extractor {
    let privacy = Privacy { principals, ..Privacy::default() };
    let keyring = Keyring::from_bytes(&[7; 32]).unwrap();
    let settings =
        Settings::build(&Network::default(), &Identity::default(), &privacy, keyring, Geo::builtin());
    Extractor::new(Arc::new(settings.unwrap()))
}

#[test]
fn where_names_are_not_written_they_stand_nowhere() {
    let login = || {
        exchange(
            "POST /users/alice.doe/a%40b/alice@x.example/login?alice.doe=1&by=alice HTTP/1.1\nUser-Agent: tool/1 (alice.doe@x.example)\n\n{\"email\":\"alice.doe@x.example\",\"password\":\"Harbor-rill9925!\"}",
            "200\n\n{\"user\":{\"email\":\"alice.doe@x.example\",\"username\":\"alice.doe\"}}",
        )
    };
    for principals in [Principals::Hashed, Principals::Pseudonymised] {
        let sighting = with_names(principals).extract(login());
        let said = format!("{sighting:?}");
        assert!(!said.contains("alice"), "{said}");
        let seen = sighting.transaction.request.unwrap();
        assert_eq!(&*seen.path, "/users/{name}/a%40b/{email}/login");
        assert_eq!(&*seen.query_keys[0], "{name}");
    }
    let pseudonym = with_names(Principals::Pseudonymised).extract(login()).transaction.principal.id;
    assert!(pseudonym.starts_with("p-") && pseudonym.ends_with("@x.example"), "{pseudonym}");
    let plain = with_names(Principals::Plain).extract(login()).transaction;
    assert_eq!(&*plain.principal.id, "alice.doe@x.example");
    assert!(plain.request.unwrap().path.starts_with("/users/alice.doe/"));
}

#[test]
fn a_name_that_says_a_secret_in_other_letters_is_nobodys() {
    let grant = |id: &str| {
        let form = "Content-Type: application/x-www-form-urlencoded";
        let text = format!(
            "POST /oauth/token HTTP/1.1\n{form}\n\ngrant_type=client_credentials&client_id={id}&client_secret=Harbor-rill9925"
        );
        see(&text, "200").transaction.principal.key()
    };
    assert_eq!(grant("billing"), "service:billing");
    // The same of what the answer hands out.
    let login = "POST /login HTTP/1.1\nContent-Type: application/json\n\n{\"username\":\"dGs6aGFyYm9yLXJpbGwtOTkyNQ\",\"password\":\"p\"}";
    let answer =
        |token: &str| format!("200\nContent-Type: application/json\n\n{{\"access_token\":\"{token}\"}}");
    let named = |token: &str| see(login, &answer(token)).transaction.principal.key().contains("dGs6");
    assert!(named("another-9925-token") && !named("harbor-rill-9925"));
    // Base64 of `billing:Harbor-rill9925`, and of what is no secret here.
    assert!(!grant("YmlsbGluZzpIYXJib3ItcmlsbDk5MjU").contains("YmlsbGluZzpI"));
    assert_eq!(grant("YmlsbGluZzpoYXJib3Vy"), "service:YmlsbGluZzpoYXJib3Vy");
}

#[test]
fn a_programs_token_may_hold_a_persons_address() {
    let token = jwt(r#"{"sub":"svc-7","client_id":"svc-7","email":"mara.keller@x.example"}"#);
    let call = || exchange(&format!("GET /v1/me HTTP/1.1\nAuthorization: Bearer {token}"), "200");
    for principals in [Principals::Hashed, Principals::Pseudonymised] {
        let principal = with_names(principals).extract(call()).transaction.principal.key();
        assert!(principal.starts_with("service:") && !principal.contains("mara"), "{principal}");
    }
}

#[test]
fn a_key_in_the_users_place_of_basic_names_nobody() {
    let who = |user: &str| {
        let text = format!("GET /v1/me HTTP/1.1\nAuthorization: Basic {}", basic(user));
        let sighting = see(&text, "200");
        let key = user.split(':').next().unwrap();
        (sighting.transaction.principal.key(), format!("{sighting:?}").contains(key))
    };
    for key in [
        "a1B2c3D4e5F6g7H8i9J0:X",
        "a1b2c3d4e5f6g7h8:api_token",
        "9f8e7d6c5b4a39281706f5e4:x-oauth-basic",
        "9f8e7d6c5b4a39281706f5e4:Harbor-rill!",
        "a1B2c3D4e5F6g7H8i9J0:Harbor-rill!",
        "123e4567-e89b-12d3-a456-426614174000:unused",
        "harbor2026rill2026:harbor2026rill2026",
    ] {
        let (principal, leaks) = who(key);
        assert!(principal.starts_with("key:") && !leaks, "{key}: {principal}");
    }
    for innocent in ["alice:X", "svc-billing-2026:secret", "svc-billing-2026:x", "alice.doe2026@x.example:x"]
    {
        let name = innocent.split(':').next().unwrap();
        assert_eq!(who(innocent).0, format!("user:{name}"));
    }
}

#[test]
fn a_code_is_masked_without_its_blanks_too() {
    let form = "Content-Type: application/x-www-form-urlencoded";
    let json = "Content-Type: application/json";
    for text in [
        "POST /x/60194716?otp=6019%204716 HTTP/1.1".to_owned(),
        "POST /x/60194716 HTTP/1.1\nX-OTP: 6019-4716".to_owned(),
        format!("POST /x/60194716 HTTP/1.1\n{form}\n\notp=6019+4716"),
        format!("POST /x/60194716 HTTP/1.1\n{json}\n\n{{\"otp\":\"6019.4716\"}}"),
        format!(
            "POST /x/60194716 HTTP/1.1\n{json}\n\n{{\"query\":\"mutation {{ verify(otp: \\\"6019 4716\\\") {{ id }} }}\"}}"
        ),
    ] {
        assert_eq!(&*request(&text, "200").path, "/x/{secret}", "{text}");
    }
    assert_eq!(&*request("POST /x/60194717?otp=6019%204716 HTTP/1.1", "200").path, "/x/60194717");
}

#[test]
fn the_beginning_of_a_token_is_masked() {
    let path = |part: &str| {
        let text = format!("GET /v1/{part} HTTP/1.1\nAuthorization: Bearer tnbb4188906e52l9fo856k8e1irfcnzd");
        request(&text, "200").path.to_string()
    };
    assert_eq!(path("tnbb418890"), "/v1/{secret}");
    assert_eq!(path("tnbb418891"), "/v1/tnbb418891");
}

#[test]
fn a_ticket_of_letters_alone_and_a_key_in_its_place_are_masked() {
    assert_eq!(path("/password/reset/abanilotemurakesipod"), "/password/reset/{secret}");
    assert_eq!(path("/interaction/k9x2p7q"), "/interaction/{secret}");
    assert!(!path("/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe").contains("AAHdqTcv"));
    assert_eq!(path("/interaction/confirm"), "/interaction/confirm");
}
