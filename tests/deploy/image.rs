//! The container image: what it is made of, whom it runs as, and what hadolint says.
//! It reads the Dockerfile as text.
//! It promises bases that cannot change under us, no root, and the one capability.

use super::tools::HADOLINT;
use super::{page_port, text, values};

const DOCKERFILE: &str = "deploy/Dockerfile";

/// The instructions of the last stage, which is what people run.
fn last_stage(file: &str) -> &str {
    &file[file.rfind("\nFROM ").expect("a stage")..]
}

#[test]
fn every_base_is_named_by_its_digest() {
    let file = text(DOCKERFILE);
    let bases = values(&file, "FROM ");
    assert_eq!(bases.len(), 2, "{bases:?}");
    for base in bases {
        let image = base.split(' ').next().unwrap();
        assert!(image == "scratch" || super::compose::is_pinned(image), "{image}");
    }
}

#[test]
fn the_image_holds_the_program_for_a_user_who_is_not_root() {
    let file = text(DOCKERFILE);
    let last = last_stage(&file);
    assert!(last.starts_with("\nFROM scratch"), "{last}");
    assert_eq!(values(last, "USER "), ["65532:65532"]);
    assert_eq!(values(last, "ENTRYPOINT "), ["[\"/usr/local/bin/heelguard\"]"]);
    assert_eq!(values(last, "EXPOSE "), [page_port().as_str()]);
    // Where the base is empty nothing can be run, and nothing needs a shell.
    assert!(!last.contains("\nRUN "), "{last}");
    assert!(
        file.contains("setcap cap_net_raw=ep /image/usr/local/bin/heelguard"),
        "an image that cannot listen"
    );
    assert!(
        file.contains("cargo build --release --locked"),
        "an image of other dependencies than those tested"
    );
}

#[test]
fn the_image_is_built_by_the_toolchain_and_packages_that_setup_asks_for() {
    let file = text(DOCKERFILE);
    let manifest = text("Cargo.toml");
    let rust = values(&manifest, "rust-version = ")[0];
    assert!(file.contains(&format!("FROM rust:{rust}.")), "Rust {rust} is not what the image is built by");
    let setup = text("deploy/setup.sh");
    let names = values(&setup, "local names=").remove(0).trim_matches('\'');
    for package in names.split(' ').filter(|package| *package != "curl") {
        assert!(file.contains(&format!(" {package}")), "{package} is needed to build, and not installed");
    }
}

#[test]
fn hadolint_finds_nothing() {
    HADOLINT.is_content_with(&[DOCKERFILE]);
}
