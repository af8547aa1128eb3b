//! Configurations: what is refused, and what is said about it.

use super::Bench;

/// Broken files, each with what the message must name: line and column, key, what is allowed or meant.
const BROKEN: &[(&str, &[&str])] = &[
    ("[limits]\nflow_max = 5\n", &["c.toml:2:1", "limits.flow_max", "did you mean `flows_max`"]),
    ("[limits]\n\n  flows_max = \"many\"\n", &["c.toml:3:3", "limits.flows_max", "whole number"]),
    ("[limits]\nflows_max = -1\n", &["c.toml:2:1", "limits.flows_max", "whole number"]),
    ("[limits]\nflows_max = 0\n", &["c.toml:2:1", "limits.flows_max", "1 or more"]),
    ("[limits]\nhandles_max = 1.5\n", &["c.toml:2:1", "limits.handles_max", "whole number"]),
    ("[limit]\nflows_max = 5\n", &["c.toml:2:1", "`limit`", "did you mean `limits`", "sensor"]),
    ("[colours]\n", &["c.toml:1:2", "`colours`", "allowed: "]),
    ("[sensor]\nname = 5\n", &["c.toml:2:1", "sensor.name", "string"]),
    ("[sensor]\nname = \"\"\n", &["c.toml:2:1", "sensor.name", "1 to 128"]),
    ("sensor = \"x\"\n", &["c.toml:1:1", "sensor", "Sensor"]),
    ("[web]\nlisten = \"0.0.0.0:9470\"\n", &["c.toml:2:1", "web.listen", "127.0.0.1"]),
    ("[web]\nlisten = \"9470\"\n", &["c.toml:2:1", "web.listen", "127.0.0.1:9470"]),
    ("[web]\nport = 9470\n", &["c.toml:2:1", "web.port", "allowed: listen"]),
    (
        "[network]\ntrusted_proxies = [\"10.0.0.0/40\"]\n",
        &["c.toml:2:1", "network.trusted_proxies", "10.0.0.0/40"],
    ),
    ("[network]\ninternal = \"10.0.0.0/8\"\n", &["c.toml:2:1", "network.internal", "a list"]),
    ("[privacy]\nprincipals = \"secret\"\n", &["c.toml:2:1", "privacy.principals", "hashed"]),
    ("[detectors.mfa_failure_brust]\nfailures = 5\n", &["c.toml:2:1", "did you mean `mfa_failure_burst`"]),
    ("[detectors.mfa_failure_burst]\nfailure = 5\n", &["c.toml:2:1", "did you mean `failures`", "window_s"]),
    (
        "[detectors.mfa_failure_burst]\nfailures = true\n",
        &["c.toml:2:1", "detectors.mfa_failure_burst.failures", "whole number"],
    ),
    ("[detectors.mfa_failure_burst]\nseverity = \"bad\"\n", &["c.toml:2:1", "severity", "critical"]),
    ("[detectors.mfa_failure_burst]\nenabled = \"no\"\n", &["c.toml:2:1", "enabled", "true or false"]),
    ("[[suppress]]\nrule = \"XYZ-01\"\nreason = \"x\"\n", &["c.toml:1:3", "suppress", "XYZ-01"]),
    ("[[suppress]]\nrule = \"MFA-01\"\n", &["c.toml:1:3", "suppress", "reason"]),
    (
        "[[suppress]]\nrule = \"MFA-01\"\nuntil = \"tomorrow\"\nreason = \"x\"\n",
        &["c.toml:1:3", "suppress.until", "tomorrow"],
    ),
    ("[[suppress]]\nreason = \"x\"\n", &["c.toml:1:3", "suppress.rule", "silence everything"]),
    (
        "[detectors.mfa_bypass_by_key]\nasks_pct = 101\n",
        &["c.toml:", "detectors.mfa_bypass_by_key.asks_pct", "at most 100"],
    ),
    (
        "[[identity.routes]]\npath = \"/x\"\nlabel = \"mfaa\"\n",
        &["c.toml:1:12", "identity.routes", "mfaa", "mfa"],
    ),
    (
        "[[identity.routes]]\npath = \"/a/**/b\"\nlabel = \"mfa\"\n",
        &["c.toml:1:12", "identity.routes", "/a/**/b", "`**`"],
    ),
    (
        "[identity]\npresets = [\"alauth\"]\n",
        &["c.toml:2:1", "identity.presets", "did you mean `allauth`", "generic"],
    ),
    (
        "[identity]\npreset_files = [\"nowhere.toml\"]\n",
        &["c.toml:2:1", "identity.preset_files", "nowhere.toml"],
    ),
    ("[tls]\nkeylogs = \"x\"\n", &["c.toml:2:1", "tls.keylogs", "did you mean `keylog`", "secret_wait_ms"]),
    ("[tls]\nheld_bytes_max = 0\n", &["c.toml:2:1", "tls.held_bytes_max", "1 or more"]),
    ("[sensor\n", &["c.toml:1:8"]),
    ("[sensor]\nname = \"a\"\nname = \"b\"\n", &["c.toml:3:1", "duplicate key"]),
    ("[sensor]\nname = \"a\n", &["c.toml:2:", "string"]),
];

#[test]
fn a_broken_file_is_refused_with_place_key_and_what_is_allowed() {
    let bench = Bench::new();
    let mut wrong = Vec::new();
    for (text, words) in BROKEN {
        bench.write("c.toml", text);
        let run = bench.run(&["check", "--config", "c.toml"]);
        let missing: Vec<_> = words.iter().filter(|word| !run.err.contains(**word)).collect();
        if run.code != Some(2) || !run.out.is_empty() || !missing.is_empty() {
            wrong.push(format!("{text:?}: {:?}, {missing:?} not in: {}\n", run.code, run.err));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// Broken preset files, each with what the message must name.
const BROKEN_PRESETS: &[(&str, &[&str])] = &[
    ("title = \"x\"\n", &["acme.toml:1", "source"]),
    ("title = \"x\"\nsource = \"y\"\n\n[field]\n", &["acme.toml:4", "`field`", "fields"]),
    ("title = \"x\"\nsource = \"y\"\n[fields]\nkode = [\"z\"]\n", &["acme.toml", "fields.kode", "any_code"]),
    (
        "title = \"x\"\nsource = \"y\"\n[[routes]]\npath = \"/x\"\nlabels = [\"mfaa\"]\n",
        &["acme.toml", "mfaa", "attempt"],
    ),
    (
        "title = \"x\"\nsource = \"y\"\n[[routes]]\npath = \"/x\"\nfactor = \"otp\"\n",
        &["acme.toml", "otp", "totp"],
    ),
    (
        "title = \"x\"\nsource = \"y\"\n[words]\nlocked = [\"a b\"]\nthrottled = [\"A-B\"]\n",
        &["acme.toml", "A-B", "locked"],
    ),
];

#[test]
fn a_broken_preset_file_is_refused_with_its_name_and_what_is_allowed() {
    let bench = Bench::new();
    bench.write("c.toml", "[identity]\npreset_files = [\"acme.toml\"]\n");
    for (text, words) in BROKEN_PRESETS {
        bench.write("acme.toml", text);
        bench.run(&["check", "--config", "c.toml"]).fails_with(2, words);
    }
    bench.write("acme.toml", "title = \"x\"\nsource = \"y\"\n[fields]\ncode = [\"zahl\"]\n");
    assert_eq!(bench.run(&["check", "--config", "c.toml"]).code, Some(0));
}

#[test]
fn an_override_is_named_by_its_option() {
    let bench = Bench::new();
    let check = |set: &str| bench.run(&["check", "--set", set]);
    check("limits.flow_max=5").fails_with(2, &["--set limits.flow_max", "did you mean `flows_max`"]);
    check("limits.flows_max=many").fails_with(2, &["--set limits.flows_max", "whole number"]);
    check("limits.flows_max").fails_with(2, &["--set limits.flows_max", "KEY=VALUE"]);
    check("limits..x=1").fails_with(2, &["--set limits..x", "joined by dots"]);
    check("=1").fails_with(2, &["--set", "joined by dots"]);
    check("web.listen=0.0.0.0:1").fails_with(2, &["--set web.listen", "127.0.0.1"]);
}

#[test]
fn an_override_is_a_value_or_a_bare_word() {
    let bench = Bench::new();
    let sets = [
        "sensor.name=tap 7",
        "sensor.tenant=\"acme\"",
        "limits.flows_max=1_000",
        "network.internal=[\"10.0.0.0/8\"]",
        "detectors.mfa_failure_burst.enabled=false",
        "web.listen=127.0.0.1:0",
    ];
    let arguments: Vec<&str> =
        ["check", "--effective"].into_iter().chain(sets.iter().flat_map(|set| ["--set", *set])).collect();
    let effective: toml::Table = toml::from_str(&bench.run(&arguments).succeeds().out).unwrap();
    assert_eq!(effective["sensor"]["name"].as_str(), Some("tap 7"));
    assert_eq!(effective["sensor"]["tenant"].as_str(), Some("acme"));
    assert_eq!(effective["limits"]["flows_max"].as_integer(), Some(1000));
    assert_eq!(effective["network"]["internal"].as_array().map(Vec::len), Some(1));
    assert_eq!(effective["detectors"]["mfa_failure_burst"]["enabled"].as_bool(), Some(false));
}

#[test]
fn an_override_wins_over_the_file_and_the_last_over_the_first() {
    let bench = Bench::new();
    bench.write("c.toml", "[sensor]\nname = \"file\"\n");
    let run = bench.run(&[
        "check",
        "--effective",
        "--config",
        "c.toml",
        "--set",
        "sensor.name=a",
        "--set",
        "sensor.name=b",
    ]);
    assert!(run.succeeds().out.contains("name = \"b\""), "{}", run.out);
}

#[test]
fn the_defaults_are_valid_and_told_back_whole() {
    let bench = Bench::new();
    assert_eq!(bench.run(&["check"]).succeeds().out, "configuration is valid\n");
    let effective = bench.run(&["check", "--effective"]);
    bench.write("c.toml", &effective.succeeds().out);
    let again = bench.run(&["check", "--effective", "--config", "c.toml"]);
    assert_eq!(again.succeeds().out, effective.out);
    assert!(super::names(bench.folder.path()) == ["c.toml"], "a check makes no files");
}

#[test]
fn the_annotated_file_is_the_defaults() {
    let bench = Bench::new();
    let annotated = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/heelguard.toml");
    let run = bench.run(&["check", "--effective", "--config", annotated]);
    assert_eq!(run.succeeds().out, bench.run(&["check", "--effective"]).out);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let bench = Bench::new();
    bench.run(&["check", "--config", "none.toml"]).fails_with(2, &["none.toml", "No such file"]);
    bench.write("binary.toml", [0xff, 0xfe, 0x00]);
    bench.run(&["check", "--config", "binary.toml"]).fails_with(2, &["binary.toml"]);
    bench.write("huge.toml", vec![b'#'; 2 << 20]);
    bench.run(&["check", "--config", "huge.toml"]).fails_with(2, &["huge.toml", "bytes"]);
}

#[test]
fn files_that_a_run_would_refuse_are_refused_and_no_key_is_made() {
    let bench = Bench::new();
    bench.write("bad.key", "not a key\n");
    for (set, word) in [
        ("privacy.key_file=\"bad.key\"", "64 hex digits"),
        ("privacy.previous_key_file=\"missing.key\"", "missing.key"),
        ("identity.jwt.secrets_file=\"missing.txt\"", "missing.txt"),
        ("identity.compromised_keys=\"missing.list\"", "missing.list"),
        ("identity.compromised_keys=\"bad.key\"", "bad.key:1: no fingerprint of 32 hex digits"),
        ("geoip.databases=[\"missing.mmdb\"]", "missing.mmdb"),
        ("openapi.specs=[{file=\"missing.yaml\"}]", "missing.yaml: cannot be read"),
        ("openapi.specs=[{file=\"bad.key\"}]", "bad.key: has no `openapi` at its top"),
    ] {
        bench.run(&["check", "--set", set]).fails_with(2, &[word]);
    }
    assert_eq!(bench.run(&["check", "--set", "privacy.key_file=\"fresh.key\""]).code, Some(0));
    assert!(!bench.path("fresh.key").exists());
}

#[test]
fn what_is_wrong_within_a_description_is_told_and_stops_nothing() {
    let bench = Bench::new();
    bench.write(
        "a.yaml",
        "openapi: 3.1.0\nservers: [{url: 'https://a.example'}]\npaths: {/a: {get: 7}, /b: {get: {}}}\n",
    );
    let ran = bench.run(&["check", "--set", "openapi.specs=[{file=\"a.yaml\"}]"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("a.yaml: #/paths/~1a/get: wanted an object"), "{}", ran.err);
}

/// Every threshold of every rule can be tried for one run, and a slip is told by its key.
#[test]
fn every_threshold_can_be_set_and_a_wrong_one_is_named() {
    use heelguard_detectors::rules::catalogue;
    let bench = Bench::new();
    let keys: Vec<(String, String)> = catalogue()
        .iter()
        .flat_map(|entry| entry.thresholds().into_iter().map(|threshold| (entry.rule.name, threshold)))
        .map(|(rule, threshold)| (format!("detectors.{rule}.{}", threshold.name), threshold.default))
        .collect();
    let all: Vec<String> =
        keys.iter().flat_map(|(key, default)| ["--set".into(), format!("{key}={default}")]).collect();
    let run = bench.run(&[&["check".to_owned(), "--effective".to_owned()][..], &all].concat());
    assert_eq!(run.succeeds().out, bench.run(&["check", "--effective"]).out, "defaults set are defaults");
    for entry in catalogue() {
        let rule = entry.rule.name;
        bench
            .run(&["check", "--set", &format!("detectors.{rule}.colour=1")])
            .fails_with(2, &[&format!("detectors.{rule}.colour"), "allowed: "]);
        if let Some(threshold) = entry.thresholds().first() {
            let key = format!("detectors.{rule}.{}", threshold.name);
            bench.run(&["check", "--set", &format!("{key}=\"x\"")]).fails_with(2, &[&key, "invalid type"]);
        }
    }
}
