//! `docs/presets.md` lists every preset, and names every label, role and meaning; `UPDATE_EXPECT=1` renews the list.

use super::super::{BUILT_IN, roles};
use crate::identity::labels::Labels;
use std::path::Path;

const BEGIN: &str =
    "<!-- presets: written from the files; UPDATE_EXPECT=1 cargo test presets renews it -->\n";
const END: &str = "<!-- end of presets -->\n";

#[test]
fn the_page_lists_every_preset() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/presets.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let mut table = "| preset | title | source |\n|---|---|---|\n".to_owned();
    for preset in BUILT_IN.as_ref().unwrap() {
        let name = preset.file.trim_start_matches("presets/").trim_end_matches(".toml");
        let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
        table += &format!("| `{name}` | {} | {} |\n", cell(&preset.title), cell(&preset.source));
    }
    let renewed = format!("{head}{BEGIN}{table}{END}{tail}");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &renewed).unwrap();
    }
    let current = std::fs::read_to_string(&path).unwrap();
    assert!(current == renewed, "docs/presets.md is behind the files: UPDATE_EXPECT=1 renews its list");
}

#[test]
fn the_page_names_every_label_and_role() {
    let page = include_str!("../../../../docs/presets.md");
    let labels = Labels::NAMES.iter().map(|(name, _)| *name);
    let all = labels
        .chain(roles::HEADERS.iter().map(|(name, _)| *name))
        .chain(roles::ANSWER_HEADERS.iter().map(|(name, _)| *name))
        .chain(roles::COOKIES.iter().map(|(name, _)| *name))
        .chain(roles::FIELDS.iter().map(|(name, _)| *name))
        .chain(roles::ANSWERS.iter().map(|(name, _)| *name))
        .chain(roles::WORDS.iter().map(|(name, _)| *name))
        .chain(roles::FACTORS.iter().map(|(name, _)| *name));
    let missing: Vec<_> = all.filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/presets.md does not tell of {missing:?}");
}
