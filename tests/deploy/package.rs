//! The Debian package: what its recipe in `Cargo.toml` names, and what `make deb` writes for it.
//! It reads the manifest and the files of `deploy/debian`.
//! It promises that a package can be made of what is there, and that its unit starts what it installs.

use super::tools::DPKG_PARSECHANGELOG;
use super::{root, text, values};
use std::collections::BTreeMap;
use std::process::Command;

/// Sources of the package and where they go.
fn assets() -> BTreeMap<String, String> {
    let manifest: toml::Table = text("Cargo.toml").parse().expect("the manifest is TOML");
    let deb = &manifest["package"]["metadata"]["deb"];
    let assets = deb["assets"].as_array().expect("assets");
    let word = |value: &toml::Value| value.as_str().expect("a text").to_owned();
    assets.iter().map(|asset| (word(&asset[0]), word(&asset[1]))).collect()
}

#[test]
fn what_goes_into_the_package_is_there() {
    let assets = assets();
    let makefile = text("Makefile");
    for source in assets.keys() {
        if let Some(made) = source.strip_prefix("target/") {
            assert!(
                made == "release/heelguard" || makefile.contains(&format!("> {source}")),
                "who makes {source}?"
            );
        } else {
            let folder = source.strip_suffix("/*.md").unwrap_or(source);
            assert!(root().join(folder).exists(), "{source} is packed, and not there");
        }
    }
}

#[test]
fn the_unit_starts_what_is_installed() {
    let assets = assets();
    assert_eq!(assets["target/release/heelguard"], "usr/bin/");
    let changed = text("deploy/debian/package.conf");
    let start = values(&changed, "ExecStart=");
    assert_eq!(start.len(), 2, "the first one empties the list");
    let unit = text("deploy/systemd/heelguard.service");
    let own = values(&unit, "ExecStart=")[0].replace("/usr/local/bin/", "/usr/bin/");
    assert_eq!(start, ["", own.as_str()]);
    let config = own.split("--config /").nth(1).expect("a configuration");
    assert!(config.starts_with(assets["deploy/heelguard.toml"].as_str()), "{config}");
    let user = values(&unit, "User=")[0];
    assert!(text("deploy/debian/sysusers.conf").contains(&format!("u {user} ")), "{user}");
}

#[test]
fn state_is_in_one_place_however_the_sensor_is_started() {
    let unit = text("deploy/systemd/heelguard.service");
    // A user that systemd makes up has its state in /var/lib/private, also where there is an account of that name.
    assert_eq!(values(&unit, "DynamicUser="), Vec::<&str>::new());
    let user = values(&unit, "User=")[0];
    let home = format!("/var/lib/{}", values(&unit, "StateDirectory=")[0]);
    assert_eq!(home, heelguard::config::Raw::SERVICE_HOME);
    let account = format!("u {user} - \"Heelguard sensor\" {home} -");
    assert!(text("deploy/debian/sysusers.conf").contains(&account), "{account}");
    for path in ["docs/install.md", "docs/operation.md", "deploy/systemd/heelguard.service"] {
        let wanted =
            format!("useradd --system --home-dir {home} --no-create-home --shell /usr/sbin/nologin {user}");
        assert!(text(path).contains(&wanted), "{path}: who makes the user?");
    }
}

#[test]
fn what_is_removed_does_not_start_with_the_machine() {
    let script = text("deploy/debian/prerm");
    let removal = script.split("\"$1\" = remove").nth(1).expect("a branch for the removal");
    assert!(removal.contains("disable heelguard.service"), "{script}");
}

#[test]
fn the_makefile_says_what_a_package_takes_before_it_builds() {
    let makefile = text("Makefile");
    let tools =
        makefile.split("\ndeb-tools:").nth(1).expect("a target that looks").split("\n\n").next().unwrap();
    assert!(tools.contains("dpkg-shlibdeps") && tools.contains("install dpkg-dev"), "{tools}");
    assert!(tools.contains("install --locked cargo-deb"), "{tools}");
    assert!(makefile.contains("\ndeb: deb-tools build"), "it looks first");
}

#[test]
fn an_operators_configuration_survives_an_upgrade() {
    let manifest: toml::Table = text("Cargo.toml").parse().expect("the manifest is TOML");
    let kept = manifest["package"]["metadata"]["deb"]["conf-files"].to_string();
    assert_eq!(kept, "[\"/etc/heelguard/heelguard.toml\"]");
}

#[test]
fn the_changelog_names_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(text("deploy/debian/changelog").starts_with(&format!("heelguard ({version}) ")), "{version}");
    DPKG_PARSECHANGELOG.is_content_with(&["-l", "deploy/debian/changelog"]);
}

#[test]
fn manual_and_completions_come_from_the_program() {
    for (arguments, wanted) in [
        (&["man"][..], ".TH heelguard 1"),
        (&["completions", "bash"], "complete -F _heelguard"),
        (&["completions", "zsh"], "#compdef heelguard"),
        (&["completions", "fish"], "complete -c heelguard"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_heelguard")).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(wanted), "{arguments:?}: {wanted}");
    }
}
