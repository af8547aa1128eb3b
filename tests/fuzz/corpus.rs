//! Inputs that are kept: what a corpus found, and what was a fault once. All were made here or by a fuzzer.

use crate::targets::{TARGETS, Target};
use std::path::{Path, PathBuf};

/// What the repository takes up with them.
const BYTES_MAX: u64 = 2 << 20;

/// An input with its name.
pub struct Kept {
    pub name: String,
    pub bytes: Vec<u8>,
}

fn folder(kind: &str, target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(kind).join(target.name)
}

/// The inputs of a target, in order of name.
pub fn inputs(target: &Target) -> Vec<Kept> {
    let mut paths: Vec<PathBuf> =
        ["corpus", "regressions"].into_iter().flat_map(|kind| files(&folder(kind, target))).collect();
    paths.sort();
    let read = |path: PathBuf| Kept {
        name: path.display().to_string(),
        bytes: std::fs::read(path).expect("it is there"),
    };
    paths.into_iter().map(read).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn seeds_are_in_the_corpus() {
    for target in TARGETS {
        let folder = folder("corpus", target);
        for (n, seed) in (target.seeds)().into_iter().enumerate() {
            let path = folder.join(format!("seed-{n:02}"));
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, seed).unwrap();
            } else {
                assert!(
                    std::fs::read(&path).is_ok_and(|kept| kept == seed),
                    "{}: renew it by UPDATE_EXPECT=1",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn inputs_are_small() {
    let sizes = TARGETS.iter().flat_map(inputs).map(|input| input.bytes.len() as u64);
    let bytes: u64 = sizes.sum();
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}

#[test]
fn every_target_has_its_program() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let programs =
        manifest["bin"].as_array().unwrap().iter().map(|program| program["name"].as_str().unwrap());
    assert!(programs.eq(TARGETS.iter().map(|target| target.name)));
}

#[test]
fn what_is_fuzzed_is_what_is_delivered() {
    let packages = |path: &str| {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let lock: toml::Table = text.parse().unwrap();
        let of =
            |package: &toml::Value| ["name", "version"].map(|key| package[key].as_str().unwrap().to_owned());
        lock["package"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let delivered = packages("Cargo.lock");
    for [name, version] in packages("tests/fuzz/Cargo.lock") {
        let known: Vec<_> =
            delivered.iter().filter(|[known, _]| *known == name).map(|[_, version]| version).collect();
        assert!(
            known.is_empty() || known.contains(&&version),
            "{name} {version}, and Cargo.lock has {known:?}"
        );
    }
}
