//! The files that a configuration names, whoever reads them.
//! It is given raw values and finds them by the names of their keys, in every section and in the entries of lists.
//! It promises that a key which names a file by the house's rule (`…_file`, `…_files`, `file`) is found without being
//! listed here.

use super::{Raw, effective};
use std::path::PathBuf;
use toml::{Table, Value};

/// How names of keys end whose values are files; `location` is what librdkafka's own properties say.
const ENDS: &[&str] = &["file", "files", "location"];
/// Names that do not tell.
const OTHERS: &[&str] = &["keylog", "databases", "address_classes", "compromised_keys"];

/// Every file that is named and read.
pub fn files(raw: &Raw) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&effective::table(raw), &mut found);
    found
}

fn walk(table: &Table, found: &mut Vec<PathBuf>) {
    for (key, value) in table {
        let names_files = OTHERS.contains(&key.as_str()) || ENDS.iter().any(|end| key.ends_with(end));
        look(value, names_files, found);
    }
}

fn look(value: &Value, names_files: bool, found: &mut Vec<PathBuf>) {
    match value {
        Value::String(text) if names_files && !text.is_empty() => found.push(text.into()),
        Value::Array(values) => values.iter().for_each(|value| look(value, names_files, found)),
        Value::Table(table) => walk(table, found),
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::files;

    #[test]
    fn files_are_found_wherever_they_are_named() {
        let written = r#"
            [tls]
            keylog = "/a/keylog"
            [geoip]
            databases = ["/a/1.mmdb", "/a/2.mmdb"]
            [network]
            address_classes = ["/a/classes"]
            [identity]
            compromised_keys = "/a/keys"
            preset_files = ["/a/preset.toml"]
            [[identity.jwt.keys]]
            issuer = "https://id.example.com"
            file = "/a/jwks.json"
            [[openapi.specs]]
            file = "/a/spec.yaml"
            [web]
            token_file = "/a/token"
            [sinks.kafka]
            brokers = "k:9092"
            ca_file = "/a/ca.pem"
        "#;
        let found = files(&toml::from_str(written).unwrap());
        let mut names: Vec<&str> = found.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "1.mmdb",
                "2.mmdb",
                "ca.pem",
                "classes",
                "jwks.json",
                "keylog",
                "keys",
                "preset.toml",
                "spec.yaml",
                "token"
            ]
        );
    }
}
