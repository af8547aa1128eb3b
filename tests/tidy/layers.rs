//! Who may know whom: a layer names only layers before it in the data path, and its part of the vocabulary.
//! It reads every path that begins with `crate::` or `heelguard_detectors::`, in `use` lines and elsewhere.
//! It promises that the arrows of `src/ARCHITECTURE.md` point one way.

use super::source::{Complaints, Source, rust};

/// The sensor in data-path order. A layer may name those before it and itself.
const LAYERS: [&str; 15] = [
    "metrics", "capture", "decode", "flow", "tls", "http", "identity", "openapi", "pipeline", "ledger",
    "sinks", "scale", "markup", "report", "web",
];

/// What puts the layers together may name all of them.
const PROGRAM: [&str; 5] = ["cli", "config", "main", "lib", "fuzzing"];

/// What leaves the sensor knows alerts and records, not packets and messages.
const OUTSIDE: [(&str, &[&str]); 5] = [
    ("ledger", &["ledger"]),
    ("sinks", &["metrics", "ledger", "sinks"]),
    ("markup", &["ledger", "sinks", "markup"]),
    ("report", &["metrics", "ledger", "sinks", "markup", "report"]),
    ("web", &["metrics", "openapi", "ledger", "sinks", "markup", "report", "web"]),
];

/// The demonstration makes packets; it must not look at how they are read.
const DEMO: [&str; 3] = ["capture", "decode", "demo"];

/// Below `identity` a layer knows when, how odd and how whole, but not who.
const WIRE_VOCABULARY: [&str; 4] = ["time", "anomaly", "transaction::Completeness", "transaction::Protocol"];

/// Crates that belong to the edges.
const EDGES: [(&str, &[&str]); 3] = [
    ("tokio::", &["sinks", "web", "cli", "main"]),
    ("axum::", &["web"]),
    ("clap::", &["cli", "main", "config"]),
];

#[test]
fn a_layer_knows_only_what_comes_before_it() {
    let mut complaints = Complaints::default();
    for_each_path("crate::", |source, layer, line, path| {
        let named = path.split("::").next().unwrap_or_default();
        let is_layer = LAYERS.contains(&named) || PROGRAM.contains(&named) || named == "demo";
        if is_layer && !may_name(layer, named) {
            complaints.line(
                &source.path,
                line,
                format_args!("`{layer}` must not know `{named}`: hand it what it needs as a type of its own"),
            );
        }
    });
    complaints.end();
}

#[test]
fn below_identity_nobody_knows_who() {
    let mut complaints = Complaints::default();
    let identity = LAYERS.iter().position(|layer| *layer == "identity");
    for_each_path("heelguard_detectors::", |source, layer, line, path| {
        let below = LAYERS.iter().position(|known| *known == layer) < identity && LAYERS.contains(&layer);
        let allowed =
            WIRE_VOCABULARY.iter().any(|word| path == *word || path.starts_with(&format!("{word}::")));
        if below && !allowed {
            complaints.line(
                &source.path,
                line,
                format_args!("`{layer}` must not know `{path}`: only {}", WIRE_VOCABULARY.join(", ")),
            );
        }
    });
    complaints.end();
}

#[test]
fn crates_of_the_edges_stay_there() {
    let mut complaints = Complaints::default();
    for source in rust() {
        let Some(layer) = layer(&source.path) else { continue };
        for (number, line) in source.text.lines().map(code).enumerate() {
            for (name, allowed) in EDGES {
                let begins = line.find(name).is_some_and(|at| !line[..at].ends_with(is_word));
                if begins && !allowed.contains(&layer) {
                    complaints.line(
                        &source.path,
                        number + 1,
                        format_args!("`{name}` belongs to {allowed:?} only"),
                    );
                }
            }
        }
    }
    complaints.end();
}

#[test]
fn modules_climb_no_further_than_their_layer() {
    let mut complaints = Complaints::default();
    for source in rust() {
        let Some(layer) = layer(&source.path) else { continue };
        // A file at depth n is n modules below the crate; tests inside it are one deeper.
        let depth = source.path.split('/').count() - 1 - usize::from(source.is("/mod.rs"));
        let climb = format!("super::{}", "super::".repeat(depth));
        for (number, line) in source.text.lines().map(code).enumerate() {
            if line.contains(&climb) && !PROGRAM.contains(&layer) {
                complaints.line(
                    &source.path,
                    number + 1,
                    "this may leave the layer: write it from `crate::`",
                );
            }
        }
    }
    complaints.end();
}

#[test]
fn paths_are_found_in_groups_and_over_lines() {
    let text = "use crate::{\n    decode::{Segment, key::{A, B}},\n    flow,\n};\nlet x = crate::http::Exchange::new();\n";
    let found: Vec<_> = paths(text, "crate::").collect();
    let expected = ["decode::Segment", "decode::key::A", "decode::key::B", "flow", "http::Exchange::new"];
    assert_eq!(found.iter().map(|(_, path)| path.as_str()).collect::<Vec<_>>(), expected);
    assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 1, 1, 1, 5]);
}

fn may_name(layer: &str, named: &str) -> bool {
    if let Some((_, allowed)) = OUTSIDE.iter().find(|(outside, _)| *outside == layer) {
        return allowed.contains(&named);
    }
    if layer == "demo" {
        return DEMO.contains(&named);
    }
    let position = |name| LAYERS.iter().position(|layer| *layer == name);
    match (position(layer), position(named)) {
        (Some(own), Some(other)) => other <= own,
        (Some(_), None) => false,
        (None, _) => PROGRAM.contains(&layer),
    }
}

/// The first part of a path below `src`.
fn layer(path: &str) -> Option<&str> {
    let below = path.strip_prefix("src/")?;
    Some(below.split('/').next()?.trim_end_matches(".rs"))
}

fn for_each_path(root: &str, mut visit: impl FnMut(&Source, &str, usize, &str)) {
    let mut seen = 0;
    for source in rust() {
        let Some(layer) = layer(&source.path) else { continue };
        let text: String = source.text.lines().flat_map(|line| [code(line), "\n"]).collect();
        for (line, path) in paths(&text, root) {
            seen += 1;
            visit(&source, layer, line, &path);
        }
    }
    assert!(seen > 0, "no path begins with `{root}`: the check has gone blind");
}

/// A line without its comment.
fn code(line: &str) -> &str {
    let comment = line.match_indices("//").map(|(at, _)| at).find(|&at| !line[..at].ends_with(':'));
    comment.map_or(line, |at| &line[..at])
}

/// Every path after `root`, groups taken apart, with the line that `root` stands on.
fn paths(text: &str, root: &str) -> impl Iterator<Item = (usize, String)> {
    text.match_indices(root).filter(|(at, _)| !text[..*at].ends_with(is_word)).flat_map(move |(at, _)| {
        let line = text[..at].matches('\n').count() + 1;
        let mut found = Vec::new();
        expand(&text[at + root.len()..], "", &mut found);
        found.into_iter().map(move |path| (line, path))
    })
}

/// Adds the paths that `text` begins with, each after `prefix`; gives back what follows them.
fn expand<'t>(text: &'t str, prefix: &str, found: &mut Vec<String>) -> &'t str {
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(rest.trim_start(), prefix, found).trim_start();
            rest = match rest.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => more,
                Some(more) => return more.trim_start().strip_prefix('}').unwrap_or_default(),
                None => return rest.strip_prefix('}').unwrap_or_default(),
            };
        }
    }
    let (word, rest) = text.split_at(text.find(|c| !is_word(c)).unwrap_or(text.len()));
    let path = if prefix.is_empty() { word.to_owned() } else { format!("{prefix}::{word}") };
    match rest.strip_prefix("::") {
        Some(more) if more.starts_with(|c| is_word(c) || c == '{') => expand(more, &path, found),
        _ => {
            found.push(path);
            rest
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
