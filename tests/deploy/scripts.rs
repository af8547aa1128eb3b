//! Shell scripts, wherever they are: what shellcheck says of them.
//! It looks for them by their endings, and in the package's folder.
//! It promises that a word that is split or a variable that is mistyped does not get in.

use super::tools::SHELLCHECK;
use super::{files, root, text};

#[test]
fn shellcheck_finds_nothing() {
    let everywhere = ["deploy", "tests/support"].into_iter().flat_map(files);
    let mut scripts: Vec<String> = everywhere
        .filter(|path| {
            let is_packaged = path.parent().is_some_and(|folder| folder.ends_with("debian"));
            path.extension()
                .map_or(is_packaged && !path.ends_with("changelog") && !path.ends_with("license"), |ending| {
                    ending == "sh"
                })
        })
        .map(|path| path.strip_prefix(root()).unwrap().display().to_string())
        .collect();
    assert!(scripts.len() >= 7, "{scripts:?}");
    // What service.sh and its users give each other is not seen across files.
    scripts.extend(["--exclude=SC1091,SC2034,SC2154,SC2174".to_owned(), ".ci/run".to_owned()]);
    SHELLCHECK.is_content_with(&scripts.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn what_the_gate_requires_is_what_setup_looks_for() {
    assert!(text(".ci/run").contains("HEELGUARD_BROWSER=required"), "the page is shown to a browser");
    let names = text("tests/page/browser.rs");
    let names = names.split("= [").nth(1).expect("a list of names").split(']').next().unwrap();
    let names: Vec<&str> = names.split(", ").map(|name| name.trim_matches('"')).collect();
    let setup = text("deploy/setup.sh");
    assert!(setup.contains(&format!("chromium {}; do", names[1..].join(" "))), "{names:?}");
    assert!(setup.contains("has_browser || tools+=('Chromium')"));
}
