//! Files that a configuration names, and that are none: a pipe nobody writes to, a device without end, a folder, nothing.
//! `check` is given each in the place of each, and reads whatever a start would read.
//! They promise an answer at once that names the file and its key.

use crate::support::figures::figure;
use crate::support::replay::heelguard;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// An answer takes no longer on a machine with other work.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A key that names a file, as it is told, and a configuration with FILE in its place.
const NAMED: &[(&str, &str)] = &[
    ("geoip.databases", "[geoip]\ndatabases = [FILE]"),
    ("compromised_keys", "[identity]\ncompromised_keys = FILE"),
    ("preset_files", "[identity]\npreset_files = [FILE]"),
    ("identity.jwt.keys", "[[identity.jwt.keys]]\nissuer = 'a'\nfile = FILE"),
    ("identity.jwt.secrets_file", "[identity.jwt]\nsecrets_file = FILE"),
    ("address_classes", "[network]\naddress_classes = [FILE]"),
    ("openapi.specs", "[[openapi.specs]]\nfile = FILE"),
    ("key file", "[privacy]\nkey_file = FILE"),
    ("key file", "[privacy]\nprevious_key_file = FILE"),
    ("sinks.clickhouse.ca_file", "[sinks.clickhouse]\nurl = 'https://c'\nca_file = FILE"),
    (
        "sinks.clickhouse.cert_file",
        "[sinks.clickhouse]\nurl = 'https://c'\ncert_file = FILE\nkey_file = FILE",
    ),
    ("sinks.clickhouse.password_file", "[sinks.clickhouse]\nurl = 'https://c'\npassword_file = FILE"),
    ("sinks.kafka.ca_file", "[sinks.kafka]\nbrokers = 'k:1'\nsecurity = 'ssl'\nca_file = FILE"),
    (
        "sinks.kafka.cert_file",
        "[sinks.kafka]\nbrokers = 'k:1'\nsecurity = 'ssl'\ncert_file = FILE\nkey_file = FILE",
    ),
    (
        "sinks.kafka.password_file",
        "[sinks.kafka]\nbrokers = 'k:1'\nsecurity = 'sasl_ssl'\nmechanism = 'PLAIN'\nuser = 'u'\npassword_file = FILE",
    ),
    (
        "ssl.crl.location",
        "[sinks.kafka]\nbrokers = 'k:1'\n[sinks.kafka.properties]\n'ssl.crl.location' = FILE",
    ),
    ("sinks.webhook.url_file", "[sinks.webhook]\nurl_file = FILE"),
    ("sinks.webhook.secret_file", "[sinks.webhook]\nurl = 'https://w'\nsecret_file = FILE"),
    (
        "sinks.webhook.routing_key_file",
        "[sinks.webhook]\nurl = 'https://w'\nbody = 'pagerduty'\nrouting_key_file = FILE",
    ),
    ("sinks.webhook.ca_file", "[sinks.webhook]\nurl = 'https://w'\nca_file = FILE"),
    ("web.cert_file", "[web]\ncert_file = FILE\nkey_file = FILE"),
    ("web.token_file", "[web]\ntoken_file = FILE"),
];

/// What stands in the place of a file. Authorities may be a whole folder to librdkafka.
fn odd_files(folder: &Path) -> [(&'static str, PathBuf); 4] {
    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let inside = folder.join("inside");
    std::fs::create_dir(&inside).unwrap();
    [
        ("a pipe", pipe),
        ("no end", "/dev/zero".into()),
        ("a folder", inside),
        ("nothing", folder.join("nothing")),
    ]
}

#[test]
fn a_named_file_that_is_none_is_told_with_its_key_and_never_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (what, file) in odd_files(folder.path()) {
        for (key, text) in NAMED {
            let is_librdkafkas = key.starts_with("sinks.kafka.c") || key.ends_with("location");
            let is_made = *key == "key file" && text.contains("\nkey_file");
            if (what == "a folder" && is_librdkafkas) || (what == "nothing" && is_made) {
                continue;
            }
            tried += 1;
            std::fs::write(&config, text.replace("FILE", &format!("{file:?}"))).unwrap();
            let mut check = heelguard(folder.path());
            check.args(["check", "--config"]).arg(&config).stdout(Stdio::null()).stderr(Stdio::piped());
            let began = Instant::now();
            let mut check = check.spawn().unwrap();
            while check.try_wait().unwrap().is_none() && began.elapsed() < ANSWER_MAX {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = check.kill();
            let output = check.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let names = said.contains(key) && said.contains(&*file.to_string_lossy());
            if output.status.code() != Some(2) || !names || said.contains("a fault of its own") {
                wrong.push(format!("{what}, {text:?}: {} {said}", output.status));
            }
        }
    }
    let told = format!("{} of {tried}", tried - wrong.len());
    figure("F15", "named files that are none, refused by file and key", &told, wrong.is_empty());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_name_of_a_key_that_names_a_file_is_tried() {
    let page = include_str!("../../docs/configuration.md");
    let keys = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(key, _)| key));
    let files = keys.filter(|key| key.ends_with("_file") || key.ends_with("_files"));
    for key in files {
        // The first two are read when a token is fetched, by the same function as passwords.
        let is_later = ["token_ca_file", "client_secret_file", "key_password_file"].contains(&key);
        assert!(is_later || key == "keep_files" || NAMED.iter().any(|(_, text)| text.contains(key)), "{key}");
    }
}
