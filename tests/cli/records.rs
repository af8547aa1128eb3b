//! Records against their schemas: what a run writes is what the program publishes.

use super::{Bench, json_schema::violations};
use serde_json::Value;

/// Traffic of several kinds, so that many parts of the records are filled.
const TRAFFIC: &[&str] = &[
    include_str!("../cases/mfa-three-wrong-codes/traffic.txt"),
    include_str!("../cases/jwt-without-signature-accepted/traffic.txt"),
    include_str!("../cases/key-in-the-url/traffic.txt"),
    include_str!("../cases/forged-forwarded-address/traffic.txt"),
];

#[test]
fn every_record_of_a_run_is_valid_under_its_schema() {
    let bench = Bench::new();
    let schema = |form: &str| -> Value { serde_json::from_str(&bench.run(&["schema", form]).out).unwrap() };
    let forms = ["alert", "transaction", "inventory", "stats"].map(|form| (form, schema(form)));
    let mut seen = 0;
    for text in TRAFFIC {
        bench.write("a.pcap", super::support::conversation::pcap(text));
        let outputs = [
            "--alerts",
            "alert",
            "--transactions",
            "transaction",
            "--inventory",
            "inventory",
            "--stats",
            "stats",
        ];
        bench.run(&[&["replay"][..], &outputs, &["a.pcap"]].concat()).succeeds();
        for (form, schema) in &forms {
            for line in bench.read(form).lines() {
                let record: Value = serde_json::from_str(line).unwrap();
                assert_eq!(violations(schema, &record), Vec::<String>::new(), "{line}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "only {seen} records");
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let bench = Bench::new();
    let schema: Value = serde_json::from_str(&bench.run(&["schema", "transaction"]).out).unwrap();
    bench.write("a.pcap", super::support::conversation::pcap(TRAFFIC[0]));
    bench.run(&["replay", "--alerts", "al", "--transactions", "tx", "a.pcap"]).succeeds();
    let record: Value = serde_json::from_str(bench.read("tx").lines().next().unwrap()).unwrap();
    let broken = |change: fn(&mut Value)| {
        let mut record = record.clone();
        change(&mut record);
        violations(&schema, &record).len()
    };
    assert_eq!(broken(|_| ()), 0);
    assert!(broken(|record| record["outcome"] = "maybe".into()) > 0);
    assert!(broken(|record| record["flow"]["src_port"] = 70_000.into()) > 0);
    assert!(broken(|record| record["request"]["password"] = "x".into()) > 0);
    assert!(broken(|record| drop(record.as_object_mut().unwrap().remove("jwt"))) > 0);
    assert!(broken(|record| record["client"]["ip"] = Value::Null) > 0);
}

#[test]
fn the_effective_configuration_is_valid_under_its_schema() {
    let bench = Bench::new();
    let schema: Value = serde_json::from_str(&bench.run(&["schema", "config"]).out).unwrap();
    let effective: Value = toml::from_str(&bench.run(&["check", "--effective"]).out).unwrap();
    assert_eq!(violations(&schema, &effective), Vec::<String>::new());
    let mut wrong = effective;
    wrong["limits"]["flow_max"] = 5.into();
    assert_eq!(violations(&schema, &wrong).len(), 1);
    let described = schema["properties"]["limits"]["properties"]["flows_max"]["description"].as_str();
    assert!(described.is_some_and(|words| !words.is_empty()), "keys come with their comments");
}
