//! Documents against the tree: the map names what exists, every dependency has its reason, links lead somewhere.
//! It reads Markdown and manifests as text.
//! It promises that a reader who follows a name finds something.

use super::source::{Complaints, Source, files, root, sources};
use std::collections::BTreeSet;

const ARCHITECTURE: &str = "src/ARCHITECTURE.md";
const LIMITS: &str = "docs/limits.md";
const DEPENDENCIES: &str = "docs/dependencies.md";

#[test]
fn the_map_names_only_what_exists() {
    let mut complaints = Complaints::default();
    let map = document(ARCHITECTURE);
    for (number, line) in map.text.lines().enumerate() {
        // Quoted words that look like files or folders: `src/flow/`, `sinks/record.rs`.
        for word in line.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
            if !root().join(word).exists() && !root().join("src").join(word).exists() {
                complaints.line(&map.path, number + 1, format_args!("there is no `{word}`"));
            }
        }
    }
    complaints.end();
}

#[test]
fn the_map_shows_every_folder_of_the_sensor() {
    let mut complaints = Complaints::default();
    let map = document(ARCHITECTURE);
    let folders: BTreeSet<String> = files()
        .iter()
        .filter_map(|path| Some(format!("src/{}/", path.strip_prefix("src/")?.split_once('/')?.0)))
        .collect();
    for folder in folders {
        if !map.text.contains(&format!("`{folder}`")) {
            complaints.file(&map.path, format_args!("say in a line what `{folder}` is"));
        }
    }
    complaints.end();
}

#[test]
fn every_dependency_has_its_reason() {
    let mut complaints = Complaints::default();
    let page = document(DEPENDENCIES);
    let named = dependencies();
    let told: BTreeSet<&str> = page
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    for (name, path) in &named {
        if !told.contains(name.as_str()) {
            complaints
                .file(path, format_args!("`{name}` needs a line in {DEPENDENCIES}: licence, why, never"));
        }
    }
    for name in told {
        if !named.iter().any(|(dependency, _)| dependency == name) {
            complaints
                .file(DEPENDENCIES, format_args!("`{name}` is no dependency any more: take its line out"));
        }
    }
    complaints.end();
}

#[test]
fn every_limit_is_told_with_its_default() {
    let mut complaints = Complaints::default();
    let page = document(LIMITS);
    let told: BTreeSet<(&str, &str)> = page
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(key, rest)| Some((key, rest.split(" |").next()?.trim_end_matches(" *"))))
        .collect();
    let text = document("deploy/heelguard.toml").text;
    let settings: toml::Table = text.parse().expect("the settings are TOML");
    let mut limits = BTreeSet::new();
    for section in ["capture", "limits", "scale", "spool", "tls"] {
        let keys = settings.get(section).and_then(toml::Value::as_table).expect("the section is there");
        let numbers =
            keys.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_integer()?.to_string())));
        limits.extend(numbers);
    }
    for (key, default) in &limits {
        if !told.contains(&(*key, default.as_str())) {
            complaints.file(LIMITS, format_args!("needs a row `{key}` | {default} | what happens | counter"));
        }
    }
    // Those that follow the one number are marked, and no others.
    let mut comment = String::new();
    for line in text.lines() {
        match line.split_once(" = ") {
            _ if line.starts_with('#') => comment += line.trim_start_matches('#'),
            Some((key, value)) => {
                let follows = comment.contains("ollows") && comment.contains("memory_mib");
                if follows != page.text.contains(&format!("| `{key}` | {value} * |")) {
                    complaints.file(LIMITS, format_args!("a star at the default of `{key}`: {follows}"));
                }
                comment.clear();
            }
            None => comment.clear(),
        }
    }
    for (key, default) in told {
        if !limits.contains(&(key, default.to_owned())) {
            complaints
                .file(LIMITS, format_args!("`{key}` with default {default} is no setting: mend the row"));
        }
    }
    complaints.end();
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut complaints = Complaints::default();
    for source in sources(&[".md"]) {
        let folder = root().join(&source.path);
        let folder = folder.parent().unwrap_or(root());
        for (number, line) in source.text.lines().enumerate() {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = target.split('#').next().unwrap_or_default();
                if !target.contains("://") && !file.is_empty() && !folder.join(file).exists() {
                    complaints.line(
                        &source.path,
                        number + 1,
                        format_args!("the link leads nowhere: {target}"),
                    );
                }
            }
        }
    }
    complaints.end();
}

#[test]
fn every_document_is_in_the_index() {
    let mut complaints = Complaints::default();
    let index = document("docs/README.md");
    for page in sources(&[".md"]) {
        if let Some(name) = page.path.strip_prefix("docs/")
            && name != "README.md"
            && name != "SUMMARY.md"
            && !index.text.contains(&format!("({name})"))
        {
            complaints.file(&index.path, format_args!("link {}", page.path));
        }
    }
    complaints.end();
}

/// Names in the dependency tables of both manifests, with the manifest.
fn dependencies() -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for path in ["Cargo.toml", "detectors/Cargo.toml"] {
        let manifest: toml::Table = document(path).text.parse().expect("a manifest is TOML");
        // Those of every platform, and those of one.
        let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter();
        let targets = targets.flat_map(|targets| targets.values().filter_map(toml::Value::as_table));
        for tables in targets.chain([&manifest]) {
            for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let names =
                    tables.get(table).and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
                found.extend(names.map(|name| (name.clone(), path)));
            }
        }
    }
    assert!(found.len() > 10, "only {found:?}: the check has gone blind");
    found
}

fn document(path: &str) -> Source {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Source { path: path.to_owned(), text }
}

fn is_path(word: &str) -> bool {
    let in_tree = word.contains('/')
        && (word.ends_with('/') || word.rsplit('/').next().is_some_and(|n| n.contains('.')));
    in_tree && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
}
