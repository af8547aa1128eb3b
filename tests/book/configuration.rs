//! `docs/configuration.md`: every key with its default and what it does.
//! It is given the configuration's own JSON Schema, which is made of the defaults and the annotated file.
//! It promises a page that is never behind the program: `UPDATE_EXPECT=1` renews it.

use expect_test::expect_file;
use serde_json::Value;
use std::fmt::Write as _;

const OPENING: &str = "\
# Configuration

<!-- Written from the configuration's own schema: UPDATE_EXPECT=1 cargo test --test book -->

One TOML file, named with `--config`. It needs only the keys that differ from the defaults below; without a file the
defaults are complete and useful. `--set SECTION.KEY=VALUE` overrides one key for one run and wins over the file.

```
heelguard check --config heelguard.toml     # what is wrong with it: file, line, key, what is allowed
heelguard check --effective                 # the whole, with every default filled in; secrets are masked
heelguard schema config                     # JSON Schema, for editors that complete and check
```

A key that is not known is refused, with the nearest one that is. `kill -HUP` (`systemctl reload`) has a running sensor
read its file anew: what can change while traffic flows is in force from the next transaction on, what needs a start is
named, and a file that cannot be used changes nothing ([operation.md](operation.md)).

The annotated file with every key is [deploy/heelguard.toml](../deploy/heelguard.toml). Thresholds of detectors stand with
their reasons in [detectors.md](detectors.md); limits with the counters that say when they were reached in
[limits.md](limits.md). Silences are lists of their own, `[[suppress]]`: [tuning.md](tuning.md).
";

#[test]
fn the_page_of_settings_is_fresh() {
    let schema = heelguard::config::json_schema();
    let mut page = OPENING.to_owned();
    for (name, part) in schema["properties"].as_object().expect("sections") {
        // Each of some fifty tables stands on the page of its detector.
        if name == "detectors" {
            page.push_str(
                "\n## `[detectors.NAME]`\n\nEvery detector has `enabled`, may have `severity`, and has the thresholds of its \
                 page in [detectors.md](detectors.md).\n",
            );
        } else {
            push_section(&mut page, name, part);
        }
    }
    expect_file!["../../docs/configuration.md"].assert_eq(&page);
}

fn push_section(page: &mut String, path: &str, part: &Value) {
    let Some(keys) = part["properties"].as_object() else {
        return;
    };
    let told = part["description"].as_str().unwrap_or_default();
    let is_section = |value: &Value| value["properties"].is_object();
    if keys.values().any(|value| !is_section(value)) || !told.is_empty() {
        let _ = writeln!(page, "\n## `[{path}]`");
        if !told.is_empty() {
            let _ = writeln!(page, "\n{told}");
        }
    }
    let plain: Vec<_> = keys.iter().filter(|(_, value)| !is_section(value)).collect();
    if !plain.is_empty() {
        page.push_str("\n| key | default | meaning |\n|---|---|---|\n");
    }
    for (key, value) in plain {
        // What kind of sink a second section of a name of its own is.
        let told = value["description"].as_str().unwrap_or(if key == "type" {
            "What kind of sink this is."
        } else {
            ""
        });
        assert!(!told.is_empty(), "deploy/heelguard.toml says nothing of {path}.{key}");
        let default = value.get("default").map_or_else(|| "–".to_owned(), |default| format!("`{default}`"));
        let meaning = told.replace('|', "\\|");
        let _ = writeln!(page, "| `{key}` | {} | {meaning} |", default.replace('|', "\\|"));
    }
    for (key, value) in keys.iter().filter(|(_, value)| is_section(value)) {
        push_section(page, &format!("{path}.{key}"), value);
    }
}
