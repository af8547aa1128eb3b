//! What is built in: every crate from the one registry, with its checksum, under a licence that asks for its notice only.
//! It reads Cargo.lock, deny.toml, and what cargo says of the crates for this platform, which are all there after a build.
//! It promises no network; what is known to be vulnerable is looked up by `cargo deny check` (`make harden`).

use super::source::{Complaints, root};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn every_crate_comes_from_the_registry_with_its_checksum() {
    let mut complaints = Complaints::default();
    let lock = toml("Cargo.lock");
    let packages = lock["package"].as_array().expect("packages");
    assert!(packages.len() > 200, "only {} crates", packages.len());
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        let text = |key: &str| package.get(key).and_then(toml::Value::as_str);
        let is_ours = name == "heelguard" || name == "heelguard-detectors";
        let is_fixed =
            text("source") == Some(REGISTRY) && text("checksum").is_some_and(|sum| sum.len() == 64);
        if is_ours != text("source").is_none() || !is_ours && !is_fixed {
            complaints.file("Cargo.lock", format_args!("`{name}` is not from crates.io with a checksum"));
        }
    }
    complaints.end();
}

#[test]
fn every_licence_is_allowed() {
    let mut complaints = Complaints::default();
    let allowed = allowed();
    let packages = packages();
    assert!(packages.len() > 150, "only {} crates", packages.len());
    for (name, licence) in packages {
        if !is_allowed(&licence, &allowed) {
            complaints.file(
                "deny.toml",
                format_args!("`{name}` is under `{licence}`, which is not allowed: take another crate"),
            );
        }
    }
    complaints.end();
}

#[test]
fn a_licence_is_allowed_by_its_words() {
    let allowed: BTreeSet<String> =
        ["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for (licence, is) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("Apache-2.0 AND ISC", true),
        ("Apache-2.0 AND OpenSSL", false),
        ("(MIT OR Apache-2.0) AND NCSA", false),
        ("(MIT OR GPL-2.0) AND ISC", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("", false),
    ] {
        assert_eq!(is_allowed(licence, &allowed), is, "{licence}");
    }
}

/// Of alternatives one, of what holds together each; parentheses are one deep, wherever they are used at all.
fn is_allowed(licence: &str, allowed: &BTreeSet<String>) -> bool {
    let licence = licence.replace('/', " OR ");
    let flat: Vec<String> = licence.split(['(', ')']).map(str::to_owned).collect();
    if let [_, inner, rest] = flat.as_slice()
        && let Some(rest) = rest.strip_prefix(" AND ")
    {
        return is_allowed(inner, allowed) && is_allowed(rest, allowed);
    }
    let flat = flat.concat();
    flat.split(" OR ").any(|choice| choice.split(" AND ").all(|part| allowed.contains(part.trim())))
}

fn allowed() -> BTreeSet<String> {
    let deny = toml("deny.toml");
    let list = deny["licenses"]["allow"].as_array().expect("a list of licences");
    list.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}

fn toml(name: &str) -> toml::Table {
    let text = std::fs::read_to_string(root().join(name)).expect("it is in the tree");
    text.parse().expect("it is TOML")
}

/// The crates that this platform's build and tests are made of, with their licences.
fn packages() -> Vec<(String, String)> {
    let host = Command::new(env!("CARGO")).arg("-vV").output().expect("cargo starts");
    let host = String::from_utf8(host.stdout).expect("text");
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let said = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let metadata: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    let text = |package: &Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(|package| (text(package, "name"), text(package, "license"))).collect()
}
