//! The build script: lists the preset files beside it, so that adding one is adding a file.
//! It is given the folder and writes two Rust files: names with texts, and one test for each name.
//! It promises the same order on every machine.

#![allow(clippy::expect_used, reason = "a build that cannot read its own folder stops")]
#![allow(clippy::print_stdout, reason = "cargo is spoken to on standard output")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")).join("src/identity/presets");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder of presets")
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let (mut list, mut tests) = ("&[\n".to_owned(), String::new());
    for file in &files {
        println!("cargo:rerun-if-changed={}", file.display());
        let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a name in UTF-8");
        assert!(is_name(name), "{name}: a preset's name is of lower-case letters, digits and `_`");
        let _ = writeln!(list, "    ({name:?}, include_str!({:?})),", file.display().to_string());
        let _ = writeln!(tests, "#[test]\nfn {name}() {{\n    examples::hold({name:?});\n}}\n");
    }
    list.push_str("]\n");
    let out = PathBuf::from(variable("OUT_DIR"));
    fs::write(out.join("presets.rs"), list).expect("the list is written");
    fs::write(out.join("preset_tests.rs"), tests).expect("the tests are written");
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn variable(name: &str) -> String {
    env::var(name).expect("cargo sets it")
}
