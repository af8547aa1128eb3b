//! Tokens that are judged where they are seen and completed elsewhere: the verdicts are those of one desk for both.

use super::*;
use crate::identity::Bench;
use crate::identity::jwt::Publication;
use crate::identity::secret::Keyring;
use heelguard_detectors::saved::Saved;

#[test]
fn tokens_are_judged_the_same_before_they_leave() {
    let (key, forger) = (Signing::new(), Signing::new());
    let (mut stage, mut bench) = (Stage::new(), Bench::new(Arc::default(), &Keyring::ephemeral().unwrap()));
    let mut away = Lineage::new(&LineageConfig::default());
    let call = |token: &str, status: u16| {
        let request = format!("GET /v1/orders\nHost: {API}\nAuthorization: Bearer {token}");
        ("10.0.0.5", request, format!("{status}\nServer: x"))
    };
    let set = keys(&[key.jwk("k1")]);
    let published = format!("200\nContent-Type: application/json\n\n{set}");
    let token = key.sign("k1", &claims("u1", "t1"));
    let steps = [
        call(&token, 200),
        ("10.0.0.9", "GET /jwks.json\nHost: id.acme.example".to_owned(), published),
        call(&token, 200),
        call(&forger.sign("k1", &claims("admin", "t2")), 200),
        call(&hs256("k9", &claims("u9", "t9"), b"secret"), 401),
    ];
    let mut checks = Vec::new();
    for (second, (server, request, answer)) in (0..).zip(&steps) {
        stage.at(second);
        let stays = stage.see(server, request, answer);
        let mut leaves = stage.see(server, request, answer);
        bench.judge(&mut leaves);
        let mut bytes = Vec::new();
        leaves.save(&mut bytes);
        let mut came = Sighting::load(&mut bytes.as_slice()).unwrap();
        away.complete_judged(&mut came);
        let stayed = stage.lineage.attribute(stays);
        assert_eq!(format!("{:?}", came.transaction), format!("{stayed:?}"));
        checks.extend(stayed.jwt.map(|jwt| jwt.check.name()));
    }
    assert_eq!(checks, ["not_checked", "valid", "invalid", "not_checked"]);
    assert_eq!(bench.counters(), stage.counters());
}

/// Two sensors: the first hears the issuer, the second the API.
struct Two {
    stage: Stage,
    issuer: Bench,
    api: Bench,
}

impl Two {
    fn new() -> Self {
        let bench = || Bench::new(Arc::default(), &Keyring::ephemeral().unwrap());
        Self { stage: Stage::new(), issuer: bench(), api: bench() }
    }

    /// What the first sensor tells when this is published.
    fn publish(&mut self, second: u64, server: &str, place: &str, body: &str) -> Option<Publication> {
        let request = format!("GET {place}\nHost: id.acme.example");
        let answer = format!("200\nContent-Type: application/json\n\n{body}");
        let mut sighting = self.stage.at(second).see(server, &request, &answer);
        self.issuer.judge(&mut sighting)
    }

    /// What the second sensor finds out about a token.
    fn verdict(&mut self, token: &str) -> &'static str {
        let request = format!("GET /v1/orders\nHost: {API}\nAuthorization: Bearer {token}");
        let mut sighting = self.stage.see("10.0.0.5", &request, "200\nServer: x");
        assert_eq!(self.api.judge(&mut sighting), None);
        sighting.transaction.jwt.unwrap().check.name()
    }
}

#[test]
fn keys_that_one_sensor_saw_check_signatures_at_another() {
    let (key, next, forger) = (Signing::new(), Signing::new(), Signing::new());
    let mut two = Two::new();
    let (own, foreign) = (key.sign("k1", &claims("u1", "t1")), forger.sign("k1", &claims("admin", "t2")));
    assert_eq!((two.verdict(&own), two.verdict(&foreign)), ("not_checked", "not_checked"));
    let set = keys(&[key.jwk("k1")]);
    let told = two.publish(1, "10.0.0.9", "/jwks.json", &set).expect("news");
    two.api.hear(&told);
    // The same tokens, seen before: what was not known is found out now.
    assert_eq!((two.verdict(&own), two.verdict(&foreign)), ("valid", "invalid"));
    // No news: the same again, and keys that somebody else publishes under the same name.
    assert_eq!(two.publish(2, "10.0.0.9", "/jwks.json", &set), None);
    assert_eq!(two.publish(3, "192.0.2.66", "/jwks.json", &keys(&[forger.jwk("k1")])), None);
    // After an hour it is told anew, so that its server is not taken for silent elsewhere; a new key is told at once.
    assert!(two.publish(3_700, "10.0.0.9", "/jwks.json", &set).is_some());
    let both = keys(&[key.jwk("k1"), next.jwk("k2")]);
    let told_later = two.publish(3_800, "10.0.0.9", "/jwks.json", &both).expect("news");
    two.api.hear(&told_later);
    assert_eq!(two.verdict(&next.sign("k2", &claims("u3", "t3"))), "valid");
    // What comes again from before takes nothing back.
    two.api.hear(&told);
    assert_eq!(two.verdict(&next.sign("k2", &claims("u4", "t4"))), "valid");
}

#[test]
fn the_first_server_is_believed_at_every_sensor() {
    let (key, forger) = (Signing::new(), Signing::new());
    let (mut two, mut elsewhere) = (Two::new(), Two::new());
    let told = two.publish(1, "10.0.0.9", "/jwks.json", &keys(&[key.jwk("k1")])).expect("news");
    let false_news =
        elsewhere.publish(2, "192.0.2.66", "/jwks.json", &keys(&[forger.jwk("k1")])).expect("news");
    two.api.hear(&told);
    two.api.hear(&false_news);
    assert_eq!(two.verdict(&forger.sign("k1", &claims("admin", "t1"))), "invalid");
    assert_eq!(two.api.counters().key_sets_refused, 1);
}

#[test]
fn a_place_that_hides_something_is_not_told() {
    let key = Signing::new();
    let set = keys(&[key.jwk("k1")]);
    let place = |place: &str| Two::new().publish(1, "10.0.0.9", place, &set).is_some();
    assert!(place("/tenant/jwks.json"));
    assert!(!place("/jwks.json?api_key=9f8e7d6c5b4a39281706f5e4d3c2b1a0"), "a query");
    assert!(!place("/9f8e7d6c5b4a39281706f5e4d3c2b1a0f00dcafe/jwks.json"), "a path that is a secret");
    let configuration = |jwks: &str| {
        let body = format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{ISSUER}/keys{jwks}"}}"#);
        Two::new().publish(1, "10.0.0.9", "/.well-known/openid-configuration", &body).is_some()
    };
    assert!(configuration("") && !configuration("?p=9f8e7d6c5b4a39281706"));
}
