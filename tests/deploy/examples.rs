//! Every configuration that is delivered: understood by the program that is delivered with it.
//! It is given each TOML file below `deploy/`.
//! It promises that somebody who copies one does not meet an unknown key.

use super::{files, root};

#[test]
fn every_configuration_is_accepted() {
    let paths: Vec<_> =
        files("deploy").into_iter().filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    assert!(paths.len() >= 5, "{paths:?}");
    for path in paths {
        if let Err(error) = heelguard::config::load(Some(&path), &[]) {
            panic!("{}: {error}", path.strip_prefix(root()).unwrap().display());
        }
    }
}
