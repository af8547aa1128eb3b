//! Which clues a request leaves for lineage: what it ends, what it uses up, what it only speaks of, whose names count.

use super::*;
use crate::identity::clues::Ends;

const SESSION: &str = "X-Session-Token: ifwwvilkkpbcio3wdttrt8652zu6qon7";
const JSON: &str = "Content-Type: application/json";

/// `METHOD PATH BODY -> STATUS` a line, sent in a session; compares what is told of each.
fn check_told(lines: &str, told: impl Fn(&Sighting) -> String, expected: &Expect) {
    let mut out = String::new();
    for line in lines.trim().lines().map(str::trim) {
        let (asked, status) = line.split_once(" -> ").unwrap();
        let mut words = asked.splitn(3, ' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let body = words.next().unwrap_or("");
        let request = format!("{method} {path} HTTP/1.1\nHost: api.example\n{SESSION}\n{JSON}\n\n{body}");
        let answer = format!("{status}\n{JSON}\n\n{{}}");
        out.push_str(&format!("{method} {path}: {}\n", told(&see(&request, &answer))));
    }
    expected.assert_eq(&out);
}

fn ends(sighting: &Sighting) -> String {
    match sighting.clues.ends {
        None => "nothing".to_owned(),
        Some((Ends::Named, cause)) => format!("{} named, {cause}", sighting.clues.named.len()),
        Some((ends, cause)) => format!("{ends:?}, {cause}").to_lowercase(),
    }
}

#[test]
fn what_a_request_ends() {
    check_told(
        r#"
        POST /auth/logout {} -> 200
        POST /auth/logout {} -> 500
        GET /logout -> 302
        DELETE /auth/session -> 401
        POST /auth/logout-all {} -> 200
        POST /auth/v1/logout?scope=global {} -> 200
        POST /auth/v1/logout?scope=others {} -> 200
        DELETE /sessions/others -> 204
        DELETE /sessions/current -> 204
        DELETE /sessions -> 204
        DELETE /sessions/1231 -> 204
        DELETE /sessions/4oyyilulumoxrzekx0l93qzduf8zu9yi -> 204
        POST /users/1231/logout {} -> 200
        POST /admin/logout {} -> 200
        POST /oauth2/revoke {"token":"4oyyilulumoxrzekx0l93qzduf8zu9yi"} -> 200
        POST /auth/revoke {} -> 200
        DELETE /api-keys/17 -> 204
        POST /api-keys/17/revoke {} -> 200
        "#,
        ends,
        &expect![[r#"
            POST /auth/logout: own, logout
            POST /auth/logout: nothing
            GET /logout: own, logout
            DELETE /auth/session: own, logout
            POST /auth/logout-all: all, logout
            POST /auth/v1/logout?scope=global: all, logout
            POST /auth/v1/logout?scope=others: others, logout
            DELETE /sessions/others: others, logout
            DELETE /sessions/current: own, logout
            DELETE /sessions: nothing
            DELETE /sessions/1231: 0 named, revocation
            DELETE /sessions/4oyyilulumoxrzekx0l93qzduf8zu9yi: 1 named, revocation
            POST /users/1231/logout: nothing
            POST /admin/logout: nothing
            POST /oauth2/revoke: 1 named, revocation
            POST /auth/revoke: own, revocation
            DELETE /api-keys/17: 0 named, revocation
            POST /api-keys/17/revoke: 0 named, revocation
        "#]],
    );
    check_told(
        r#"
        POST /account/password {"current_password":"Harbor-rill9925!","new_password":"Meadow-rill7897!"} -> 200
        POST /account/password {"current_password":"Harbor-rill9925!","new_password":"Meadow-rill7897!"} -> 400
        PUT /users/1231/password {"new_password":"Meadow-rill7897!"} -> 200
        POST /password/reset {"token":"4oyyilulumoxrzekx0l93qzduf8zu9yi","new_password":"Meadow-rill7897!"} -> 200
        POST /password/reset {"email":"al@x.example","code":"469439","new_password":"Meadow-rill7897!"} -> 200
        POST /password/reset/4oyyilulumoxrzekx0l93qzduf8zu9yi {"new_password":"Meadow-rill7897!"} -> 200
        POST /password/reset {"email":"al@x.example"} -> 200
        POST /auth/signup {"email":"al@x.example","password":"Harbor-rill9925!","password_confirmation":"Harbor-rill9925!"} -> 200
        PATCH /users/me {"new_password":"Meadow-rill7897!"} -> 200
        POST /mfa/disable {"password":"Harbor-rill9925!"} -> 200
        DELETE /account/authenticators/totp -> 200
        DELETE /account/authenticators/totp -> 401
        DELETE /users/1231/factors/7 -> 200
        "#,
        ends,
        &expect![[r#"
            POST /account/password: others, password_change
            POST /account/password: nothing
            PUT /users/1231/password: nothing
            POST /password/reset: nothing
            POST /password/reset: account, password_change
            POST /password/reset/4oyyilulumoxrzekx0l93qzduf8zu9yi: nothing
            POST /password/reset: nothing
            POST /auth/signup: nothing
            PATCH /users/me: others, password_change
            POST /mfa/disable: others, factor_change
            DELETE /account/authenticators/totp: others, factor_change
            DELETE /account/authenticators/totp: nothing
            DELETE /users/1231/factors/7: nothing
        "#]],
    );
}

#[test]
fn what_a_request_uses_up() {
    let spends = |sighting: &Sighting| sighting.clues.spends.map_or("nothing".into(), |s| s.what.to_string());
    check_told(
        r#"
        POST /token {"grant_type":"authorization_code","code":"C_5MjmzOPDNhksC9RWWaBb1m8u1Y8s61g9xI9RP34PC"} -> 200
        POST /token {"grant_type":"refresh_token","refresh_token":"rmYnvsQdkJVLscy-da6djFHDcCNh2hN9INZlQX4xKlI"} -> 200
        POST /tokens/refresh {"refresh_token":"rmYnvsQdkJVLscy-da6djFHDcCNh2hN9INZlQX4xKlI"} -> 200
        POST /orders {"refresh_token":"rmYnvsQdkJVLscy-da6djFHDcCNh2hN9INZlQX4xKlI"} -> 200
        POST /mfa/verify {"mfa_token":"tn1oikoirgpsdirb13hplxc7stgx93jl","otp":"469439"} -> 200
        POST /mfa/challenge {"mfa_token":"tn1oikoirgpsdirb13hplxc7stgx93jl","method":"sms"} -> 200
        POST /mfa/verify {"otp":"469439"} -> 200
        "#,
        spends,
        &expect![[r#"
            POST /token: authorization_code
            POST /token: refresh_token
            POST /tokens/refresh: refresh_token
            POST /orders: nothing
            POST /mfa/verify: ticket
            POST /mfa/challenge: nothing
            POST /mfa/verify: nothing
        "#]],
    );
}

#[test]
fn a_token_sent_in_to_be_looked_into_is_not_its_senders() {
    let handles = |sighting: &Sighting| {
        let kinds = |handles: &[Handle]| {
            handles.iter().map(|h| format!("{:?}", h.kind)).collect::<Vec<_>>().join("+")
        };
        format!("with {:?}, names {:?}", kinds(&sighting.clues.presented), kinds(&sighting.clues.named))
    };
    check_told(
        r#"
        POST /oauth2/introspect {"token":"4oyyilulumoxrzekx0l93qzduf8zu9yi"} -> 200
        POST /oauth2/revoke {"token":"4oyyilulumoxrzekx0l93qzduf8zu9yi"} -> 200
        POST /auth/logout {"refresh_token":"4oyyilulumoxrzekx0l93qzduf8zu9yi"} -> 200
        "#,
        handles,
        &expect![[r#"
            POST /oauth2/introspect: with "Session", names "Access"
            POST /oauth2/revoke: with "Session", names "Access"
            POST /auth/logout: with "Session+Refresh", names ""
        "#]],
    );
    // What a program exchanges is somebody's (RFC 8693), what a public client exchanges its own.
    let exchange = |proof: &str| {
        let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
                    &subject_token=4oyyilulumoxrzekx0l93qzduf8zu9yi";
        let request =
            format!("POST /token HTTP/1.1\n{proof}Content-Type: application/x-www-form-urlencoded\n\n{form}");
        let seen = see(&request, "200\n\n");
        format!("{}, on behalf {}", handles(&seen), seen.clues.on_behalf)
    };
    expect![[r#"with "", names "Access", on behalf true"#]]
        .assert_eq(&exchange("Authorization: Basic Z2F0ZXdheTpiN1ZxLTkyeEs=\n"));
    expect![[r#"with "Access", names "", on behalf false"#]].assert_eq(&exchange(""));
    // A public client has nothing but the token.
    let alone = see(
        &format!(
            "POST /oauth2/revoke HTTP/1.1\n{JSON}\n\n{{\"token\":\"4oyyilulumoxrzekx0l93qzduf8zu9yi\"}}"
        ),
        "200\n\n",
    );
    expect![[r#"with "Access", names "Access""#]].assert_eq(&handles(&alone));
}

#[test]
fn what_names_nobody_and_what_holds_nothing() {
    let told = |request: &str, answer: &str| line(&see(request, answer));
    let lines = [
        told("POST /auth/login HTTP/1.1\n\nusername=undefined&password=Harbor-rill9925!", "200\n\n"),
        told("GET /orders HTTP/1.1\nCookie: session=anonymous; sid=undefined", "200\n\n{}"),
        told("GET /orders HTTP/1.1\nCookie: session=anonymous1234", "200\n\n{}"),
        told(
            &format!("GET /users/me HTTP/1.1\n{SESSION}"),
            &format!("200\n{JSON}\n\n{{\"id\":7,\"username\":\"N/A\",\"email\":\"-\"}}"),
        ),
        told(
            &format!("GET /users/me HTTP/1.1\n{SESSION}"),
            &format!("200\n{JSON}\n\n{{\"id\":7,\"username\":\"Alice Smith\"}}"),
        ),
        told(
            &format!("GET /auth/session HTTP/1.1\n{SESSION}"),
            &format!("200\n{JSON}\n\n{{\"id\":\"sess-7731\",\"email\":\"al@x.example\"}}"),
        ),
        told(
            &format!("GET /orders HTTP/1.1\nAuthorization: Bearer {}", jwt(r#"{"sub":"null"}"#)),
            "200\n\n{}",
        ),
        told(
            &format!("POST /api-keys HTTP/1.1\n{SESSION}\n{JSON}\n\n{{\"username\":\"victim\"}}"),
            &format!("201\n{JSON}\n\n{{\"id\":3,\"api_key\":\"5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2\"}}"),
        ),
    ];
    expect![[r#"
        login success anonymous:203.0.113.7 by address; login success ?
        use success session:6898bf71 by credential; session session_cookie cookie session; session session_cookie cookie sid
        use success session:fbad9d49 by credential; session session_cookie cookie session; presents Session
        use success user:7 by response; session session_token header x-session-token; presents Session; answered 7
        use success user:7 by response; session session_token header x-session-token; presents Session; answered 7
        use success user:al@x.example by response; session session_token header x-session-token; presents Session; answered al@x.example
        use success session:0df07316 by credential; bearer_jwt jwt header authorization; presents Access
        key_issue success session:708a5d47 by credential; session session_token header x-session-token; presents Session; gets ApiKey"#]].assert_eq(&lines.join("\n"));
}
