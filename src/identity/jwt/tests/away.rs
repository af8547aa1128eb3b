//! Tokens that are judged where they are seen and completed elsewhere: the verdicts are those of one desk for both.

use super::*;
use crate::identity::Bench;
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
