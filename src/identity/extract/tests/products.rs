//! Real products: django-allauth with DRF, oidc-provider, Auth0, Okta, Cognito, Keycloak.

use super::*;

const LOGIN: &str = "POST /_allauth/app/v1/auth/login HTTP/1.1\nHost: api.example\nContent-Type: application/json\n\n\
    {\"email\":\"al@x.example\",\"password\":\"Harbor-rill9925!\"}";
const USER: &str = r#""user":{"id":7,"display":"al","email":"al@x.example","username":"al"}"#;
const SESSION: &str = "X-Session-Token: ifwwvilkkpbcio3wdttrt8652zu6qon7\nContent-Type: application/json";
const DRF_TOKEN: &str = "Authorization: Token 5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2";

fn json(status: &str, body: &str) -> String {
    format!("{status}\nContent-Type: application/json\n\n{body}")
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\nContent-Type: application/json\n\n{body}")
}

fn allauth(method: &str, path: &str, body: &str) -> String {
    format!("{method} /_allauth/app/v1/{path} HTTP/1.1\n{SESSION}\n\n{body}")
}

#[test]
fn allauth_password_step_is_told_by_the_answer() {
    let pending = r#"{"status":401,"data":{"flows":[{"id":"login"},{"id":"mfa_authenticate","is_pending":true,"types":["recovery_codes","totp"]}]},"meta":{"is_authenticated":false,"session_token":"ifwwvilkkpbcio3wdttrt8652zu6qon7"}}"#;
    let inside = format!(
        r#"{{"status":200,"data":{{{USER},"methods":[{{"method":"password","email":"al@x.example"}}]}},"meta":{{"is_authenticated":true,"session_token":"4oyyilulumoxrzekx0l93qzduf8zu9yi"}}}}"#
    );
    let wrong = r#"{"status":400,"errors":[{"message":"The email address and/or password you specified are not correct.","code":"email_password_mismatch","param":"password"}]}"#;
    let many = r#"{"status":400,"errors":[{"message":"Too many failed login attempts.","code":"too_many_login_attempts"}]}"#;
    check(
        LOGIN,
        &json("401", pending),
        expect![
            "login denied user:al@x.example by login; login second_factor al@x.example; mfa challenge totp challenge; gets Session"
        ],
    );
    check(
        LOGIN,
        &json("200", &inside),
        expect![
            "login success user:al@x.example by login; login success al@x.example; gets Session; answered al@x.example al 7"
        ],
    );
    check(
        LOGIN,
        &json("400", wrong),
        expect!["login denied user:al@x.example by login; login refused al@x.example"],
    );
    check(
        LOGIN,
        &json("400", many),
        expect!["login denied user:al@x.example by login; login throttled al@x.example"],
    );
    check(LOGIN, "", expect!["login unknown user:al@x.example by login; login unknown al@x.example"]);
}

#[test]
fn allauth_code_step_is_told_by_the_answer() {
    let code = |code: &str| allauth("POST", "auth/2fa/authenticate", &format!("{{\"code\":\"{code}\"}}"));
    let ok = |kind: &str| {
        json(
            "200",
            &format!(
                r#"{{"data":{{{USER},"methods":[{{"method":"password"}},{{"method":"mfa","type":"{kind}"}}]}},"meta":{{"session_token":"tn1oikoirgpsdirb13hplxc7stgx93jl"}}}}"#
            ),
        )
    };
    let wrong = json(
        "400",
        r#"{"status":400,"errors":[{"message":"Incorrect code.","code":"incorrect_code","param":"code"}]}"#,
    );
    let nothing_pending = r#"{"status":401,"data":{"flows":[{"id":"login"},{"id":"signup"}]},"meta":{"is_authenticated":null}}"#;
    check(
        &code("469439"),
        &ok("totp"),
        expect![
            "mfa success user:al@x.example by response; mfa attempt totp success with code; session session_token header x-session-token; presents Session; gets Session; answered al@x.example al 7"
        ],
    );
    check(
        &code("20088447"),
        &ok("recovery_codes"),
        expect![
            "mfa success user:al@x.example by response; mfa attempt backup success with code; session session_token header x-session-token; presents Session; gets Session; answered al@x.example al 7"
        ],
    );
    check(
        &code("469439"),
        &wrong,
        expect![
            "mfa denied session:708a5d47 by credential; mfa attempt totp fail_code with code; session session_token header x-session-token; presents Session"
        ],
    );
    check(
        &code("20088447"),
        &wrong,
        expect![
            "mfa denied session:708a5d47 by credential; mfa attempt backup fail_code with code; session session_token header x-session-token; presents Session"
        ],
    );
    check(
        &code("469439"),
        &json("401", nothing_pending),
        expect![
            "mfa denied session:708a5d47 by credential; mfa attempt totp fail_other with code; session session_token header x-session-token; presents Session"
        ],
    );
}

#[test]
fn allauth_enrolment_is_no_attempt_and_logout_no_refusal() {
    let secret = r#"{"status":404,"meta":{"secret":"RJ2E6PAFTDF6FTS45OH4I6SU5GOCYANR","totp_url":"otpauth://totp/x"}}"#;
    let logged_out = r#"{"status":401,"data":{"flows":[{"id":"login"}]},"meta":{"is_authenticated":false}}"#;
    let made = format!(
        r#"{{"data":{{{USER},"methods":[]}},"meta":{{"session_token":"4oyyilulumoxrzekx0l93qzduf8zu9yi"}}}}"#
    );
    check(
        &allauth("GET", "account/authenticators/totp", ""),
        &json("404", secret),
        expect![
            "mfa error session:708a5d47 by credential; mfa enrolment totp pending; session session_token header x-session-token; presents Session"
        ],
    );
    check(
        &allauth("POST", "account/authenticators/totp", r#"{"code":"469439"}"#),
        &json("200", r#"{"status":200,"data":{"type":"totp","created_at":1}}"#),
        expect![
            "mfa success session:708a5d47 by credential; mfa confirmation totp success with code; session session_token header x-session-token; presents Session"
        ],
    );
    check(
        &allauth("GET", "account/authenticators/recovery-codes", ""),
        &json("200", r#"{"data":{"type":"recovery_codes","unused_codes":["28852363","84750124"]}}"#),
        expect![
            "use success session:708a5d47 by credential; session session_token header x-session-token; presents Session"
        ],
    );
    check(
        &allauth("POST", "account/authenticators/recovery-codes", "{}"),
        &json("200", "{}"),
        expect![
            "mfa success session:708a5d47 by credential; mfa regeneration backup success; session session_token header x-session-token; presents Session"
        ],
    );
    check(
        &allauth("DELETE", "account/authenticators/totp", ""),
        &json("200", "{}"),
        expect![
            "mfa success session:708a5d47 by credential; mfa removal totp success; session session_token header x-session-token; presents Session"
        ],
    );
    check(
        &allauth("POST", "auth/reauthenticate", r#"{"password":"Harbor-rill9925!"}"#),
        &json("200", &format!(r#"{{"data":{{{USER}}}}}"#)),
        expect![
            "login success user:al@x.example by response; login success ?; session session_token header x-session-token; presents Session; answered al@x.example al 7"
        ],
    );
    check(
        &allauth(
            "POST",
            "auth/signup",
            r#"{"username":"al","email":"al@x.example","password":"Harbor-rill9925!"}"#,
        ),
        &json("200", &made),
        expect![
            "sign_up success user:al@x.example by login; session session_token header x-session-token; presents Session; gets Session; answered al@x.example al 7"
        ],
    );
    check(
        &allauth("DELETE", "auth/session", ""),
        &json("401", logged_out),
        expect![
            "logout success session:708a5d47 by credential; session session_token header x-session-token; presents Session"
        ],
    );
    check(
        &allauth("GET", "auth/session", ""),
        &json("401", logged_out),
        expect![
            "use denied session:708a5d47 by credential; session session_token header x-session-token; presents Session"
        ],
    );
}

#[test]
fn allauth_browser_and_jwt_clients() {
    check(
        "POST /_allauth/browser/v1/auth/login HTTP/1.1\nCookie: csrftoken=wpx3vQgo7fpiMNeljSom7NuddFGJKQR0; sessionid=7b5peywfv1lqoepxz85vb65giqsygcaz\nX-CSRFToken: wpx3vQgo7fpiMNeljSom7NuddFGJKQR0\n\n{\"username\":\"al\",\"password\":\"Harbor-rill9925!\"}",
        &format!(
            "200\nSet-Cookie: csrftoken=pCXKZJQNbMjLyBd5fmJBG9BkBIhW9QVd; Path=/\nSet-Cookie: sessionid=wjomr11pm0kk1sbqwmhwbux4seew204j; HttpOnly\n\n{{\"data\":{{{USER}}}}}"
        ),
        expect![
            "login success user:al by login; login success al; session session_cookie cookie sessionid; presents Session; gets Session; answered al@x.example al 7"
        ],
    );
    let refresh = jwt(r#"{"sub":"4","token_use":"refresh"}"#);
    let access = jwt(r#"{"sub":"4","token_use":"access","exp":1794211500}"#);
    let ask = post("/_allauth/app/v1/tokens/refresh", &format!("{{\"refresh_token\":\"{refresh}\"}}"));
    let given = format!(r#"{{"data":{{"access_token":"{access}","refresh_token":"{refresh}x"}}}}"#);
    check(
        &ask,
        &json("200", &given),
        expect![
            "token_issue success user:4 by jwt; refresh_token jwt json refresh_token; presents Refresh; gets Access Refresh"
        ],
    );
    check(
        &ask,
        &json("400", r#"{"status":400}"#),
        expect!["token_issue denied user:4 by jwt; refresh_token jwt json refresh_token; presents Refresh"],
    );
    check(
        &format!("GET /api/v1/me HTTP/1.1\nAuthorization: Bearer {access}"),
        &json("401", r#"{"detail":"Invalid token."}"#),
        expect!["use denied user:4 by jwt; bearer_jwt jwt header authorization; presents Access"],
    );
}

#[test]
fn drf_keys_and_basic() {
    let login = post("/api/v1/token-auth", r#"{"username":"al","password":"Harbor-rill9925!"}"#);
    let key = r#"{"token":"aafcd6c03ecdfe17adf7132c3a2e2ad8ad9997ea"}"#;
    let list = r#"{"count":2,"results":[{"id":1,"email":"c1@x"},{"id":2}]}"#;
    check(
        &format!("GET /api/v1/customers?limit=20 HTTP/1.1\n{DRF_TOKEN}"),
        &json("200", list),
        expect![
            "use success key:2b3f72bb by credential; api_key api_key header authorization; presents ApiKey"
        ],
    );
    check(
        &format!("GET /api/v1/me HTTP/1.1\n{DRF_TOKEN}"),
        &json("200", r#"{"id":26,"username":"root","email":"root@x.example"}"#),
        expect![
            "use success user:root@x.example by response; api_key api_key header authorization; presents ApiKey; answered root@x.example root 26"
        ],
    );
    check(
        &format!("POST /api/v1/admin/tokens HTTP/1.1\n{SESSION}"),
        &json("201", r#"{"token":"5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2","user":"root"}"#),
        expect![
            "key_issue success session:708a5d47 by credential; session session_token header x-session-token; presents Session; gets ApiKey; key for root"
        ],
    );
    check(
        &login,
        &json("200", key),
        expect!["token_issue success user:al by login; login success al; gets Access"],
    );
    check(
        &login,
        &json("400", r#"{"non_field_errors":["Unable to log in with provided credentials."]}"#),
        expect!["login denied user:al by login; login refused al"],
    );
    let me = format!("GET /api/v1/me HTTP/1.1\nAuthorization: Basic {}", basic("dev:Lantern-moss8497!"));
    check(
        &me,
        &json("200", r#"{"id":3,"username":"dev"}"#),
        expect!["use success user:dev by credential; basic basic header authorization; answered dev 3"],
    );
    check(
        &me,
        &json("403", r#"{"detail":"Invalid username/password."}"#),
        expect!["use denied user:dev by credential; basic basic header authorization"],
    );
    check(
        "GET /api/v1/me HTTP/1.1\nHost: api.example",
        &json("403", r#"{"detail":"Authentication credentials were not provided."}"#),
        expect!["use denied anonymous:203.0.113.7 by address"],
    );
    check(
        &format!(
            "POST /api/v1/admin/users HTTP/1.1\n{DRF_TOKEN}\nContent-Type: application/json\n\n{{\"username\":\"x\",\"password\":\"Harbor-rill9925!\"}}"
        ),
        &json("201", r#"{"id":27,"username":"x"}"#),
        expect![
            "sensitive success key:2b3f72bb by credential; api_key api_key header authorization; presents ApiKey"
        ],
    );
}

#[test]
fn oidc_provider_interaction() {
    let first = "jgWTwRuNtwSFF6YsXfAu9EjODAKPH8qPnAq8-RbSjst";
    let second = "JpaRgFzQe6iCzfo9LZ0cYfXCheFtbSyJcE-wzxzx0iR";
    let form = "Content-Type: application/x-www-form-urlencoded";
    check(
        "GET /auth?client_id=spa-web&response_type=code&state=2pl05UB9fdy4 HTTP/1.1\nHost: login.example",
        &format!("303\nLocation: /interaction/{first}\nSet-Cookie: _interaction={first}; path=/x"),
        expect!["use success anonymous:203.0.113.7 by address; gets Challenge"],
    );
    check(
        &format!(
            "POST /interaction/{first} HTTP/1.1\nCookie: _interaction={first}; _interaction.sig=2RJ-JqfYZ7P_jGPuK7XCuApVgYs\n{form}\n\nprompt=login&login=al%40x.example&password=Meadow-rill7897%21"
        ),
        &format!("303\nLocation: http://login.example/auth/{first}"),
        expect![
            "login success user:al@x.example by login; login success al@x.example; presents Challenge Challenge; gets Challenge"
        ],
    );
    check(
        &format!(
            "POST /interaction/{second} HTTP/1.1\nCookie: _interaction={second}\n{form}\n\nprompt=consent"
        ),
        &format!("303\nLocation: http://login.example/auth/{second}"),
        expect!["use success anonymous:203.0.113.7 by address; presents Challenge Challenge; gets Challenge"],
    );
    check(
        &format!(
            "GET /auth/{second} HTTP/1.1\nCookie: _interaction_resume={second}; _session=r-qU-DIWzwdB_HtRn-5Kvn8zkcEqYRtsUx6fXg7gnq0"
        ),
        "303\nLocation: https://app.example/cb?code=C_5MjmzOPDNhksC9RWWaBb1m8u1Y8s61g9xI9RP34PC&state=lzSrbnj2wY05",
        expect![
            "use success session:5e905d56 by credential; session session_cookie cookie _session; presents Challenge Session Challenge; gets Code"
        ],
    );
}

#[test]
fn oidc_provider_token_endpoint() {
    let form = "Content-Type: application/x-www-form-urlencoded";
    let spa = basic("spa-web:spa-web-secret-41f7c09e6d");
    let by_client =
        |body: &str| format!("POST /token HTTP/1.1\nAuthorization: Basic {spa}\n{form}\n\n{body}");
    let access = jwt(r#"{"sub":"u.loc","client_id":"spa-web","iss":"http://login.example"}"#);
    let id = jwt(r#"{"sub":"u.loc","email":"u.loc@x.example","iss":"http://login.example"}"#);
    let service = jwt(r#"{"sub":"svc","client_id":"svc"}"#);
    let tokens = format!(
        r#"{{"access_token":"{access}","id_token":"{id}","refresh_token":"rmYnvsQdkJVLscy-da6djFHDcCNh2hN9INZlQX4xKlI"}}"#
    );
    let grant = by_client("grant_type=authorization_code&code=C_5MjmzOPDNhksC9RWWaBb1m8u1Y8s61g9xI9RP34PC");
    check(
        &grant,
        &json("200", &tokens),
        expect![
            "token_issue success user:u.loc@x.example by jwt; client_secret client_secret header authorization; presents Code; gets Access Refresh; client spa-web"
        ],
    );
    check(
        &grant,
        &json("400", r#"{"error":"invalid_grant"}"#),
        expect![
            "token_issue denied service:spa-web by credential; client_secret client_secret header authorization; presents Code; client spa-web"
        ],
    );
    check(
        &by_client("grant_type=client_credentials"),
        &json("401", r#"{"error":"invalid_client"}"#),
        expect![
            "token_issue denied service:spa-web by credential; client_secret client_secret header authorization; client spa-web"
        ],
    );
    check(
        &format!(
            "POST /token HTTP/1.1\n{form}\n\ngrant_type=client_credentials&client_id=svc&client_secret=bill-9c1d7ae0f3b2468d"
        ),
        &json("200", &format!(r#"{{"access_token":"{service}"}}"#)),
        expect![
            "token_issue success service:svc by credential; client_secret client_secret form client_secret; gets Access; client svc"
        ],
    );
    check(
        &format!(
            "POST /token HTTP/1.1\n{form}\n\ngrant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=3cbAJ1yo-RqWlnv7cHUQ4Jm6&client_id=tv"
        ),
        &json("400", r#"{"error":"authorization_pending"}"#),
        expect!["token_issue error anonymous:203.0.113.7 by address; presents Code"],
    );
    check(
        &format!(
            "GET /v1/customers HTTP/1.1\nAuthorization: DPoP {access}\nDPoP: {}",
            jwt(r#"{"jti":"1","htm":"GET"}"#)
        ),
        &json("200", "{\"data\":[{},{},{}]}"),
        expect![
            "use success user:u.loc by jwt; bearer_jwt jwt header authorization; dpop jwt header dpop; presents Access"
        ],
    );
}

#[test]
fn auth0_asks_for_a_code_with_403() {
    let password = post(
        "/oauth/token",
        r#"{"grant_type":"password","username":"al@x.example","password":"Harbor-rill9925!","client_id":"web"}"#,
    );
    let code = post(
        "/oauth/token",
        r#"{"grant_type":"http://auth0.com/oauth/grant-type/mfa-otp","mfa_token":"Fe26.2*SERVER_1234*abcdef","otp":"123456","client_id":"web"}"#,
    );
    let asked = r#"{"error":"mfa_required","error_description":"Multifactor authentication required","mfa_token":"Fe26.2*SERVER_1234*abcdef"}"#;
    let wrong_password = r#"{"error":"invalid_grant","error_description":"Wrong email or password."}"#;
    check(
        &password,
        &json("403", asked),
        expect![
            "login denied user:al@x.example by login; login second_factor al@x.example; mfa challenge unknown challenge; gets Challenge"
        ],
    );
    check(
        &password,
        &json("403", wrong_password),
        expect!["login denied user:al@x.example by login; login refused al@x.example"],
    );
    check(
        &code,
        &json("403", r#"{"error":"invalid_grant","error_description":"Invalid otp_code."}"#),
        expect![
            "mfa denied anonymous:203.0.113.7 by address; mfa attempt totp fail_code with code; presents Challenge"
        ],
    );
    check(
        &code,
        &json("200", &format!(r#"{{"access_token":"{}"}}"#, jwt(r#"{"sub":"auth0|1"}"#))),
        expect![
            "mfa success user:auth0|1 by jwt; mfa attempt totp success with code; presents Challenge; gets Access"
        ],
    );
}

#[test]
fn okta_verifies_by_factor() {
    let state = r#""stateToken":"007ucIX7PATyn94hsHfOLVaXAmOBkKHWnOOLG43bsb""#;
    let verify =
        |more: &str| post("/api/v1/authn/factors/ostf1fmaMGJLMNGNLIVG/verify", &format!("{{{state}{more}}}"));
    let waiting = format!(
        r#"{{{state},"status":"MFA_CHALLENGE","factorResult":"WAITING","_embedded":{{"factor":{{"factorType":"push"}}}}}}"#
    );
    check(
        &post("/api/v1/authn", r#"{"username":"al@x.example","password":"Harbor-rill9925!"}"#),
        &json("200", &format!(r#"{{{state},"status":"MFA_REQUIRED"}}"#)),
        expect![
            "login denied user:al@x.example by login; login second_factor al@x.example; mfa challenge unknown challenge; gets Challenge"
        ],
    );
    check(
        &verify(""),
        &json("200", &waiting),
        expect![
            "mfa success anonymous:203.0.113.7 by address; mfa challenge push challenge; presents Challenge; gets Challenge"
        ],
    );
    check(
        &verify(r#","passCode":"123456""#),
        &json("403", r#"{"errorCode":"E0000068","errorSummary":"Invalid Passcode/Answer"}"#),
        expect![
            "mfa denied anonymous:203.0.113.7 by address; mfa attempt totp fail_code with code; presents Challenge"
        ],
    );
    check(
        &verify(r#","passCode":"123456""#),
        &json("200", r#"{"status":"SUCCESS","sessionToken":"20111Y8uZvAmOBkKHWnOOLG43bsb"}"#),
        expect![
            "mfa success anonymous:203.0.113.7 by address; mfa attempt totp success with code; presents Challenge; gets Session"
        ],
    );
}

#[test]
fn cognito_and_keycloak() {
    check(
        &post(
            "/",
            r#"{"AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"al","PASSWORD":"Harbor-rill9925!"}}"#,
        ),
        &json("200", r#"{"ChallengeName":"SOFTWARE_TOKEN_MFA","Session":"AYABeDAyNzE2YmQyLTQ0"}"#),
        expect![
            "login denied user:al by login; login second_factor al; mfa challenge unknown challenge; gets Session"
        ],
    );
    check(
        &post(
            "/",
            r#"{"ChallengeName":"SOFTWARE_TOKEN_MFA","Session":"AYABeDAyNzE2YmQyLTQ0","ChallengeResponses":{"USERNAME":"al","SOFTWARE_TOKEN_MFA_CODE":"123456"}}"#,
        ),
        &json("400", r#"{"__type":"CodeMismatchException","message":"Invalid code received for user"}"#),
        expect![
            "mfa denied session:874f6cd7 by credential; mfa attempt totp fail_code with code; session session_token json session; presents Session"
        ],
    );
    let form = "POST /realms/acme/login-actions/authenticate?session_code=x&execution=y HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\nusername=al&password=Harbor-rill9925%21";
    check(
        form,
        "302\nLocation: https://app.example/cb?state=1&code=0b4d6f8e-1111-2222-3333-444455556666.abc\nSet-Cookie: KEYCLOAK_SESSION=acme/8c0f-4455aa; Path=/",
        expect!["login success user:al by login; login success al; gets Code Session"],
    );
    check(
        form,
        "200\nContent-Type: text/html\n\n<span id=\"input-error\">Invalid username or password.</span>",
        expect!["login denied user:al by login; login refused al"],
    );
    check(
        form,
        "200\nContent-Type: text/html\n\n<input name=\"otp\" autocomplete=\"one-time-code\">",
        expect!["login denied user:al by login; login second_factor al; mfa challenge unknown challenge"],
    );
}
