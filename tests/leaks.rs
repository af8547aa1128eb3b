//! The worst thing this program could do, looked for everywhere: a secret of the wire in any output, and, where
//! names are not to be written, a name. Every capture that says what its secrets are is replayed with everything on,
//! at trace level, and its pages are rendered; and a leak that is planted must be seen.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it found"
)]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use support::replay::{folder, replay};
use support::secrets::{self, is_word};
use support::sensor;

/// Random enough not to be met by chance in a record.
const RANDOM_BYTES_MIN: usize = 16;

#[test]
fn no_secret_of_real_products_is_in_any_output() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let mut swept = 0;
    for (capture, labels) in labelled(&realauth) {
        let secrets = listed(&labels);
        swept += secrets.len();
        let mut outputs = outputs(&capture);
        let leaked = secrets::leaked(&outputs, secrets.iter().cloned());
        assert!(leaked.is_empty(), "{}: {leaked:#?}", capture.display());
        // The same sweep sees one of them where it is planted.
        let planted = secrets.last().expect("every capture has secrets");
        outputs.extend(format!("{{\"path\":\"/x/{planted}\"}}").bytes());
        assert!(!secrets::leaked(&outputs, secrets.iter().cloned()).is_empty(), "{planted} was not seen");
    }
    println!("{swept} secrets in no output");
    assert!(swept > 2_000, "only {swept} secrets were looked for");
}

#[test]
fn no_credential_of_the_corpus_is_in_any_output() {
    let Some(corpus) = folder("HEELGUARD_CORPUS") else { return };
    let mut captures = Vec::new();
    all_files(&corpus.join("pcap"), &mut captures);
    let mut swept = 0;
    for capture in captures {
        let secrets = credentials_in(&std::fs::read(&capture).expect("a capture is readable"));
        if secrets.is_empty() {
            continue;
        }
        let Ok(run) = sensor::run(&[&capture], 1) else { continue };
        swept += secrets.len();
        let leaked = secrets::leaked(&[run.alerts, run.transactions].concat(), secrets.into_iter());
        assert!(leaked.is_empty(), "{}: {leaked:#?}", capture.display());
    }
    println!("{swept} credentials in no output");
    assert!(swept > 80, "only {swept} credentials were found to look for");
}

#[test]
fn a_planted_leak_is_seen_in_every_form() {
    let clean = br#"{"path":"/v1/users/42","user_agent":"curl/8.7.1","fingerprint":"5b0e4fd0c1a24fbb9d33c0f2a7e51c11"}"#;
    for secret in
        ["Harbor-rill9925!", "tnbb4188906e52l9fo856k8e1irfcnzd", "quote\"and\\back", "5fd4-40b8", "пароль-7"]
    {
        let sweep = |output: &[u8]| secrets::leaked(output, std::iter::once(secret.to_owned()));
        assert!(sweep(clean).is_empty());
        for (form, written) in secrets::forms(secret) {
            let planted = [clean.as_slice(), b" \"", written.as_bytes(), b"\""].concat();
            assert!(!sweep(&planted).is_empty(), "{form} of {secret} was not seen: {written}");
        }
        // In the middle of something longer, and in every alignment.
        for before in ["", "u", "us", "user:"] {
            let coded = STANDARD.encode(format!("{before}{secret}-and-more"));
            assert!(!sweep(&[clean.as_slice(), coded.as_bytes()].concat()).is_empty(), "{coded}");
        }
    }
}

#[test]
fn where_names_are_not_to_be_written_nobody_is_named() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let mut seen = 0;
    for (capture, labels) in labelled(&realauth).into_iter().filter(|(path, _)| is_one_of_three(path)) {
        let names = people(&labels);
        assert!(names.len() >= 8, "{}: {names:?}", capture.display());
        let named_in = |setting: &str| {
            let mut everything = replay(&[&capture], &["--set", setting]).everything;
            let frames = frames(&capture, &["--set", setting]);
            everything.extend(&frames);
            everything.make_ascii_lowercase();
            let is_plain = setting.ends_with("plain");
            let is_named =
                |text: &[u8]| names.iter().any(|name| memmem::find(text, name.as_bytes()).is_some());
            assert_eq!(is_named(&frames.to_ascii_lowercase()), is_plain, "frames with {setting}");
            names.iter().filter(|name| memmem::find(&everything, name.as_bytes()).is_some()).count()
        };
        for setting in ["privacy.principals=hashed", "privacy.principals=pseudonymised"] {
            assert_eq!(named_in(setting), 0, "{} with {setting}", capture.display());
        }
        seen += named_in("privacy.principals=plain");
    }
    assert!(seen > 20, "of all names only {seen} are seen where they are written: the sweep has gone blind");
}

#[cfg(target_os = "linux")]
#[test]
fn a_crash_leaves_no_core() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut child = support::replay::heelguard(state.path())
        .arg("fingerprint")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = child.stdout.take().expect("a pipe");
    // Once it has answered, it is past its start.
    std::io::Write::write_all(&mut stdin, b"some-secret\n").expect("it reads");
    std::io::Read::read_exact(&mut stdout, &mut [0; 32]).expect("it answers");
    let limits =
        std::fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("limits are readable");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a row");
    let numbers: Vec<&str> = core.split_ascii_whitespace().skip(4).take(2).collect();
    assert_eq!(numbers, ["0", "0"], "{core}");
}

/// All that a run lets out, the pages that would be served of it, the state it keeps, what waits in its spool for a
/// broker that is not there, what its files hold in every form, and what it explains of whoever is seen most.
fn outputs(capture: &Path) -> Vec<u8> {
    let run = replay(&[capture], &[]);
    let mut everything = run.everything;
    let state = tempfile::tempdir().expect("a temporary folder");
    let kept = format!("state.dir={}", state.path().display());
    let mut sets = vec![
        kept,
        "spool.bytes_max=67108864".to_owned(),
        "spool.drain_timeout_s=1".to_owned(),
        "sinks.kafka.brokers=127.0.0.1:1".to_owned(),
    ];
    for form in ["ocsf", "ecs", "eve"] {
        sets.push(format!("sinks.{form}.type=jsonl"));
        sets.push(format!("sinks.{form}.form={form}"));
        for kind in ["alerts", "transactions", "inventory", "health"] {
            sets.push(format!("sinks.{form}.{kind}={}/{form}-{kind}.jsonl", state.path().display()));
        }
    }
    let busiest = busiest(&run.transactions);
    let mut arguments = vec!["--explain", &busiest];
    for set in &sets {
        arguments.extend(["--set", set]);
    }
    let explained = replay(&[capture], &arguments);
    everything.extend(explained.everything);
    let mut files = Vec::new();
    all_files(state.path(), &mut files);
    for kept in ["checkpoint", ".log", "ocsf-alerts.jsonl", "ecs-transactions.jsonl", "eve-alerts.jsonl"] {
        let is_there = |file: &PathBuf| file.to_string_lossy().ends_with(kept);
        assert!(files.iter().any(is_there), "{}: {kept} was not kept", capture.display());
    }
    for file in files {
        everything.extend(std::fs::read(file).expect("state is readable"));
    }
    everything.extend(frames(capture, &[]));
    let pages = sensor::pages(&[capture]).expect("what could be replayed can be shown");
    for page in pages {
        everything.extend(page.into_bytes());
    }
    everything
}

/// What a sensor that forwards has for the workers, as it waits for a broker that is not there.
fn frames(capture: &Path, more: &[&str]) -> Vec<u8> {
    let state = tempfile::tempdir().expect("a temporary folder");
    let kept = format!("state.dir={}", state.path().display());
    let sets = [
        kept.as_str(),
        "scale.forward=true",
        "spool.bytes_max=67108864",
        "spool.drain_timeout_s=1",
        "sinks.kafka.brokers=127.0.0.1:1",
    ];
    let arguments: Vec<&str> =
        sets.iter().flat_map(|set| ["--set", set]).chain(more.iter().copied()).collect();
    replay(&[capture], &arguments);
    let mut files = Vec::new();
    all_files(state.path(), &mut files);
    files.retain(|file| {
        file.to_string_lossy().contains("sightings") && file.to_string_lossy().ends_with(".log")
    });
    let frames: Vec<u8> =
        files.iter().flat_map(|file| std::fs::read(file).expect("a spool is readable")).collect();
    assert!(frames.len() > 10_000, "{}: next to nothing was sent", capture.display());
    frames
}

/// The principal with most transactions; the client's address where nobody has a name.
fn busiest(transactions: &[Value]) -> String {
    let mut counts = BTreeMap::<String, usize>::new();
    for transaction in transactions {
        let principal = &transaction["principal"];
        let name = match (principal["kind"].as_str(), principal["id"].as_str()) {
            (Some(kind), Some(id)) => format!("{kind}:{id}"),
            _ => transaction["client"]["ip"].as_str().unwrap_or_default().to_owned(),
        };
        *counts.entry(name).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name).unwrap_or_default()
}

fn labelled(realauth: &Path) -> Vec<(PathBuf, Value)> {
    let mut paths = Vec::new();
    all_files(realauth, &mut paths);
    paths.retain(|path| path.to_string_lossy().ends_with(".labels.json"));
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("labels are readable");
        let labels = serde_json::from_str(&text).expect("labels are JSON");
        (PathBuf::from(path.to_string_lossy().replace(".labels.json", ".pcap")), labels)
    };
    paths.iter().map(read).collect()
}

fn all_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { all_files(&path, found) } else { found.push(path) }
    }
}

fn listed(labels: &Value) -> BTreeSet<String> {
    let secrets = labels["secrets"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let values = secrets.filter_map(|secret| Some(secret["value"].as_str()?.to_owned()));
    values.filter(|value| !is_word(value)).collect()
}

/// E-mail addresses, and user names that are no everyday words.
fn people(labels: &Value) -> BTreeSet<String> {
    let Some(identities) = labels["identities"].as_object() else { return BTreeSet::new() };
    let people = identities.iter().filter(|(_, who)| who["kind"] != "oauth client");
    let names = people.flat_map(|(name, who)| {
        let aliases = who["aliases"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
        aliases
            .filter_map(Value::as_str)
            .chain([name.as_str()])
            .map(str::to_ascii_lowercase)
            .collect::<Vec<_>>()
    });
    names.filter(|name| name.contains('@') || name.len() >= 6).collect()
}

fn is_one_of_three(path: &Path) -> bool {
    ["allauth-attack.pcap", "allauth-jwt.pcap", "oidc-attack.pcap"].iter().any(|name| path.ends_with(name))
}

/// What the bytes of a capture show to be a credential, read as naively as can be: the value of a header line that
/// stands whole in one packet, the password inside Basic, the random value of a cookie.
fn credentials_in(capture: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in
        capture.split(|&b| b == b'\n').filter_map(|line| std::str::from_utf8(line.strip_suffix(b"\r")?).ok())
    {
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_ascii_lowercase().as_str() {
            "authorization" | "proxy-authorization" => {
                let (scheme, rest) = value.split_once(' ').unwrap_or(("", value));
                found.insert(rest.trim().to_owned());
                let decoded =
                    STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                if let Some((_, password)) = decoded.as_deref().and_then(|text| text.split_once(':'))
                    && scheme.eq_ignore_ascii_case("basic")
                {
                    found.insert(password.to_owned());
                }
            }
            "cookie" => {
                let values =
                    value.split("; ").filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
                found.extend(values.filter(|value| is_random(value)).map(str::to_owned));
            }
            _ => {}
        }
    }
    found.retain(|value| value.len() >= 6 && !is_word(value));
    found
}

fn is_random(value: &str) -> bool {
    let has = |is: fn(&u8) -> bool| value.as_bytes().iter().filter(|b| is(b)).count() >= 4;
    value.len() >= RANDOM_BYTES_MIN
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && value.bytes().all(|b| b.is_ascii_alphanumeric())
}
