//! Writes the notices of everything that is built into the program: `make notices`.
//! It is given nothing, asks cargo what the program is made of, and writes name, version, licence and the texts that come
//! with each crate to standard output.
//! It promises every crate that is linked, C libraries inside crates included, or an error that names the one without a text.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How files with notices begin.
const NOTICES: [&str; 5] = ["license", "licence", "copying", "notice", "copyright"];
/// How deep the sources of a C library are looked through.
const DEPTH: usize = 3;

fn main() -> Result<()> {
    let target =
        std::env::args().nth(1).context("usage: notices TARGET, such as x86_64-unknown-linux-gnu")?;
    let metadata = metadata(&target)?;
    let packages = by_id(&metadata)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "Heelguard is made with the following, each under its own licence.\n")?;
    let (mut without, mut written) = (Vec::new(), BTreeMap::new());
    let linked = linked(&metadata)?;
    for id in &linked {
        let package = packages.get(id).with_context(|| format!("{id} is unknown"))?;
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let (name, licence) = (text("name"), text("license"));
        if name.starts_with("heelguard") {
            continue;
        }
        let home = Path::new(text("manifest_path")).parent().context("a manifest has a folder")?;
        let mut files = Vec::new();
        // Sources of C libraries stand below crates that are named for it.
        let depth =
            if name.ends_with("-sys") || name.ends_with("-src") || name == "ring" { DEPTH } else { 0 };
        gather(home, depth, &mut files)?;
        writeln!(
            out,
            "{}\n{name} {} ({licence})\n{}\n",
            "=".repeat(80),
            text("version"),
            text("repository")
        )?;
        if files.is_empty() {
            without.push(format!("{name} ({licence})"));
        }
        for file in files {
            let shown = file.strip_prefix(home).unwrap_or(&file).display().to_string();
            let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
            let text = String::from_utf8_lossy(&text).trim_end().to_owned();
            // Most texts are the same word for word: the second time they are named.
            match written.entry(text) {
                Entry::Occupied(first) => writeln!(out, "--- {shown}: as {}\n", first.get())?,
                Entry::Vacant(place) => {
                    writeln!(out, "--- {shown}\n\n{}\n", place.key())?;
                    place.insert(format!("{name}, {shown}"));
                }
            }
        }
    }
    ensure!(linked.len() > 100, "only {} crates are linked: that cannot be all", linked.len());
    // Their licence is named above, and its text comes with the others.
    for name in without {
        writeln!(out, "{name} comes without a text of its own; it is that of the licence named.")?;
    }
    out.flush().map_err(Into::into)
}

fn metadata(target: &str) -> Result<Value> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let said = cargo
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target])
        .output()?;
    if !said.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&said.stderr));
    }
    serde_json::from_slice(&said.stdout).map_err(Into::into)
}

fn by_id(metadata: &Value) -> Result<BTreeMap<String, &Value>> {
    let packages = metadata["packages"].as_array().context("packages")?;
    Ok(packages.iter().filter_map(|package| Some((package["id"].as_str()?.to_owned(), package))).collect())
}

/// What the program reaches without what only builds or tests it.
fn linked(metadata: &Value) -> Result<BTreeSet<String>> {
    let nodes = metadata["resolve"]["nodes"].as_array().context("a graph")?;
    let nodes: BTreeMap<&str, &Value> =
        nodes.iter().filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let root = metadata["resolve"]["root"].as_str().context("a root")?;
    let (mut found, mut open) = (BTreeSet::new(), vec![root.to_owned()]);
    while let Some(id) = open.pop() {
        let Some(node) = nodes.get(id.as_str()) else { continue };
        if !found.insert(id.clone()) {
            continue;
        }
        let is_linked = |dep: &&Value| {
            let kinds = dep["dep_kinds"].as_array().map(Vec::as_slice).unwrap_or_default();
            kinds.iter().any(|kind| kind["kind"].is_null())
        };
        let deps = node["deps"].as_array().map(Vec::as_slice).unwrap_or_default();
        open.extend(deps.iter().filter(is_linked).filter_map(|dep| Some(dep["pkg"].as_str()?.to_owned())));
        // The sources of a C library may be a crate of their own, used while building (`openssl-src`).
        open.extend(
            deps.iter()
                .filter_map(|dep| dep["pkg"].as_str())
                .filter(|id| id.contains("-src@"))
                .map(str::to_owned),
        );
    }
    Ok(found)
}

fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_lowercase();
        if path.is_dir() {
            if depth > 0 {
                gather(&path, depth - 1, files)?;
            }
        } else if NOTICES.iter().any(|begin| name.starts_with(begin)) && !is_code(&name) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_code(name: &str) -> bool {
    [".rs", ".c", ".h", ".pl", ".py", ".sh", ".in"].iter().any(|end| name.ends_with(end))
}
