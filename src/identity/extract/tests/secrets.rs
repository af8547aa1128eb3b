//! No value that was presented or handed out is in a sighting, in no spelling, wherever it was put.

use super::*;
use crate::identity::config::Principals;

/// Spellings of a secret: as it is, base64, hex, percent-encoded, and eight letters from its middle.
fn spellings(secret: &str) -> Vec<String> {
    let percent =
        |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    let middle = (secret.len() / 2).saturating_sub(4);
    vec![
        secret.to_owned(),
        BASE64_STANDARD.encode(secret).trim_end_matches('=').to_owned(),
        secret.bytes().map(|b| format!("{b:02x}")).collect(),
        secret.bytes().map(percent).collect(),
        secret.get(middle..middle + 8).unwrap_or(secret).to_owned(),
    ]
}

fn assert_silent(request: &str, answer: &str, secrets: &[&str]) {
    let said = format!("{:?}", see(request, answer));
    for secret in secrets {
        for spelling in spellings(secret) {
            assert!(!said.contains(&spelling), "{spelling} of {secret} in {said}");
        }
    }
}

#[test]
fn nothing_presented_is_written_wherever_it_stands() {
    let password = "Harbor-rill9925!";
    let session = "tnbb4188906e52l9fo856k8e1irfcnzd";
    let key = "5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2";
    let stripe = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    let token = jwt(r#"{"sub":"al"}"#);
    let basic = basic(&format!("al:{password}"));
    let request = format!(
        "POST http://al:{password}@api.example/hook/{key}/x;jsessionid={session}?api_key={key}&access_token={token}&{stripe}=1&note={session} HTTP/1.1\n\
         Host: al:{password}@api.example\nAuthorization: Basic {basic}\nAuthorization: Bearer {token}\nX-API-Key: {key}\n\
         Cookie: sessionid={session}; tracker={stripe}\nUser-Agent: tool/1 ({password}; {stripe}; {key})\n\
         Referer: https://x.example/{stripe}?token={token}\nX-OTP: kx918273\nX-MFA-Token: mfa-{session}\n\
         Content-Type: application/json\n\n\
         {{\"username\":\"{stripe}\",\"password\":\"{password}\",\"otp\":\"kx918273\",\"refresh_token\":\"{token}\"}}"
    );
    let answer = format!(
        "200\nSet-Cookie: sessionid={session}x\nLocation: /cb?code={key}\nContent-Type: application/json\n\n\
         {{\"access_token\":\"{token}\",\"session_token\":\"{session}\",\"user\":{{\"email\":\"{stripe}\",\"id\":\"{token}\"}},\"leak\":\"{stripe}\"}}"
    );
    let secrets = [password, session, key, stripe, &token, &basic, "kx918273"];
    assert_silent(&request, &answer, &secrets);
    assert_silent(&request, "", &secrets);
    assert_silent("", &answer, &secrets);
}

#[test]
fn a_password_in_a_path_or_agent_is_masked_by_comparison() {
    let request = "POST /login/Harbor-rill9925!/x HTTP/1.1\nUser-Agent: Harbor-rill9925!\nContent-Type: application/json\n\n\
                   {\"user\":\"al\",\"password\":\"Harbor-rill9925!\"}";
    let seen = see(request, "401").transaction.request.unwrap();
    assert_eq!((&*seen.path, seen.user_agent.as_deref()), ("/login/{secret}/x", Some("{secret}")));
    let innocent = see(&request.replace("password\"", "motto\""), "401").transaction.request.unwrap();
    assert_eq!(&*innocent.path, "/login/Harbor-rill9925!/x");
}

#[test]
fn a_password_is_in_no_fingerprint() {
    let fingerprints = |password: &str| {
        let request = format!("GET / HTTP/1.1\nAuthorization: Basic {}", basic(&format!("al:{password}")));
        let credentials = see(&request, "200").transaction.credentials;
        credentials.into_iter().map(|c| c.fingerprint).collect::<Vec<_>>()
    };
    assert_eq!(fingerprints("Harbor-rill9925!"), fingerprints("another-password"));
}

#[test]
fn a_value_has_one_fingerprint_wherever_it_is_carried() {
    let key = "5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2";
    let expected = Keyring::from_bytes(&[7; 32]).unwrap().fingerprint(key.as_bytes()).0;
    for request in [
        format!("GET / HTTP/1.1\nX-API-Key: {key}"),
        format!("GET / HTTP/1.1\nAuthorization: Token {key}"),
        format!("GET / HTTP/1.1\nCookie: session={key}"),
        format!("GET /?api_key={key} HTTP/1.1"),
        format!("POST /x HTTP/1.1\n\n{{\"api_key\":\"{key}\"}}"),
    ] {
        assert_eq!(see(&request, "200").transaction.credentials[0].fingerprint, expected, "{request}");
    }
}

#[test]
fn a_key_laid_open_has_the_fingerprint_that_it_has_when_it_is_used() {
    let key = "sk_live_9vQ2mXc7TbL4nRzK8wYd3HsE";
    let open = |request: &str, answer: &str| {
        let exposed = see(request, answer).transaction.exposed;
        exposed.into_iter().map(|exposure| exposure.fingerprint).collect::<Vec<_>>()
    };
    let used = |header: &str| {
        let request = format!("GET /v1/orders HTTP/1.1\n{header}");
        see(&request, "200").transaction.credentials.first().map(|credential| credential.fingerprint)
    };
    let expected = used(&format!("Authorization: Bearer {key}"));
    assert!(expected.is_some());
    assert_eq!(used(&format!("X-API-Key: {key}")), expected);
    assert_eq!(used(&format!("Authorization: Basic {}", basic(&format!("{key}:")))), expected);

    let plain = "GET /config.json HTTP/1.1";
    let json = |body: &str| format!("200\nContent-Type: application/json\n\n{body}");
    // A plain call, a list in it, a step that is read field by field, and a body that is the key and nothing else.
    assert_eq!(open(plain, &json(&format!("{{\"pay\":{{\"secret\":\"{key}\"}}}}"))), [expected]);
    assert_eq!(open(plain, &json(&format!("[{{\"secret\":\"{key}\"}},{{\"secret\":\"x\"}}]"))), [expected]);
    assert_eq!(
        open("GET /v1/admin/config HTTP/1.1", &json(&format!("{{\"secret\":\"{key}\"}}"))),
        [expected]
    );
    assert_eq!(open(plain, &format!("200\nContent-Type: text/plain\n\n{key}")), [expected]);
    let referer = |address: &str| format!("GET /logo.png HTTP/1.1\nReferer: https://x.example/{address}");
    assert_eq!(open(&referer(&format!("p?key={key}")), "200"), [expected]);
    assert_eq!(open(&referer(&format!("p?key={}", key.replace('_', "%5F"))), "200"), [expected]);
    // Two keys are two, whatever they are called.
    let other = key.replace('9', "8");
    let both = json(&format!("[{{\"secret\":\"{key}\"}},{{\"secret\":\"{other}\"}}]"));
    assert_eq!(open(plain, &both), [expected, used(&format!("X-API-Key: {other}"))]);

    // What is no static key, or cannot be told for one, is nameless.
    let private = "-----BEGIN PRIVATE KEY-----MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ";
    assert_eq!(open(plain, &json(&format!("{{\"pem\":\"{private}\"}}"))), [None]);
    assert_eq!(open(&referer("p?api_key=5357442683a5ad1695b3b8a7aa0a6e69"), "200"), [None]);
    assert_eq!(open(&referer(&format!("p?token={}", jwt(r#"{"sub":"al"}"#))), "200"), [None]);
    assert_eq!(open(&format!("GET /v1/orders?api_key={key} HTTP/1.1"), "200"), [None]);
    // A key that is handed out is not laid open.
    assert_eq!(open("POST /v1/api-keys HTTP/1.1", &format!("201\n\n{{\"key\":\"{key}\"}}")), []);
}

#[test]
fn a_list_of_compromised_keys_that_was_read_anew_holds_for_keys_that_were_met_before() {
    let key = "5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2";
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("keys.list");
    let keyring = || Keyring::from_bytes(&[7; 32]).unwrap();
    let read = || {
        let identity = Identity { compromised_keys: list.clone(), ..Identity::default() };
        let (network, privacy) = (Network::default(), Privacy::default());
        Arc::new(Settings::build(&network, &identity, &privacy, keyring(), Geo::builtin()).unwrap())
    };
    let line = |extractor: &mut Extractor| {
        let seen = extractor.extract(exchange(&format!("GET / HTTP/1.1\nX-API-Key: {key}"), "200"));
        seen.transaction.credentials[0].known.map(|known| known.line)
    };
    std::fs::write(&list, "# none yet\n").unwrap();
    let mut extractor = Extractor::new(read());
    assert_eq!(line(&mut extractor), None);
    let (fingerprint, _) = keyring().fingerprint(key.as_bytes());
    std::fs::write(&list, format!("# ops\n{fingerprint} wiki\n")).unwrap();
    assert_eq!(line(&mut extractor), None, "nobody has asked for it to be read");
    extractor.reconfigure(read());
    assert_eq!(line(&mut extractor), Some(2));
    std::fs::write(&list, "").unwrap();
    extractor.reconfigure(read());
    assert_eq!(line(&mut extractor), None);
}

#[test]
fn what_records_share_they_share_over_a_reload() {
    let mut extractor = extractor();
    let mut path = || {
        let seen = extractor.extract(exchange("GET /v1/orders HTTP/1.1", "200"));
        let path = seen.transaction.request.unwrap().path;
        let settings = Arc::clone(&extractor.settings);
        extractor.reconfigure(settings);
        path
    };
    assert!(Arc::ptr_eq(&path(), &path()));
}

#[test]
fn hashed_names_are_written_nowhere() {
    let privacy = Privacy { principals: Principals::Hashed, ..Privacy::default() };
    let keyring = Keyring::from_bytes(&[7; 32]).unwrap();
    let settings =
        Settings::build(&Network::default(), &Identity::default(), &privacy, keyring, Geo::builtin());
    let exchange = exchange(
        "POST /users/alice%40x.example/login HTTP/1.1\n\n{\"email\":\"alice@x.example\",\"password\":\"Harbor-rill9925!\"}",
        "200\n\n{\"user\":{\"email\":\"alice@x.example\",\"username\":\"alice\"}}",
    );
    let sighting = Extractor::new(Arc::new(settings.unwrap())).extract(exchange);
    assert!(sighting.transaction.principal.id.starts_with("h:"));
    assert!(!format!("{sighting:?}").contains("alice"));
}

#[test]
fn nobody_is_named_by_a_token_and_no_host_type_or_claim_is_one() {
    let key = "5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2";
    let stripe = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    let password = "HuskyDog9911";
    let token = jwt(&format!(r#"{{"sub":"{key}","iss":"{stripe}","amr":["{stripe}"]}}"#));
    let lower = stripe.to_ascii_lowercase();
    let answer =
        format!("200\nContent-Type: application/{key}\n\n{{\"username\":\"{key}\",\"id\":\"tok:{key}\"}}");
    for request in [
        format!(
            "GET /me HTTP/1.1\nHost: {stripe}.api.example\nX-API-Key: {key}\nAuthorization: Bearer {token}"
        ),
        format!("GET /a-{key}-b HTTP/1.1\nHost: x.{key}.example\nX-API-Key: {key}\nContent-Type: {stripe}"),
        format!("GET /me HTTP/1.1\nAuthorization: Bearer {key}"),
    ] {
        assert_silent(&request, &answer, &[key, stripe, &lower]);
    }
    let login = |name: &str| {
        format!(
            "POST /login/x-Husky%44og9911-y HTTP/1.1\nHost: HuskyDog9911.example\nContent-Type: application/json\n\n\
                 {{\"username\":\"{name}\",\"password\":\"{password}\"}}"
        )
    };
    for name in [password, "bob HuskyDog9911"] {
        assert_silent(&login(name), "401", &[password, "huskydog9911", "Husky%44og9911"]);
    }
    assert_silent("POST /mfa/verify/492817?927364 HTTP/1.1", "401", &["492817", "927364"]);
}
