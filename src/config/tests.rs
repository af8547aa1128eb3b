//! Places, merging and blame, without a program around them.

use super::document::Document;
use super::{Raw, blame, effective, load, understand};
use expect_test::{Expect, expect};

/// What is said about a file with this text and these overrides.
fn check(text: &str, overrides: &[&str], expected: &Expect) {
    let said = || -> Result<(), super::ConfigError> {
        let mut document = Document::parse(text, "c.toml")?;
        for text in overrides {
            document.add_override(text)?;
        }
        understand(document.merged()).map(drop).map_err(|_| blame::first_culprit(&document.leaves))
    };
    expected.assert_eq(&said().map_or_else(|error| error.to_string(), |()| "valid".to_owned()));
}

#[test]
fn an_empty_file_is_the_defaults() {
    check("", &[], &expect!["valid"]);
    check("# only words\n[limits]\n", &[], &expect!["valid"]);
    let defaults = toml::Table::try_from(Raw::default()).unwrap();
    assert_eq!(toml::Table::try_from(load(None, &[]).unwrap()).unwrap(), defaults);
}

#[test]
fn the_first_culprit_is_told_and_no_other() {
    let text = "[sensor]\nname = \"ok\"\n[limits]\nflows_max = \"x\"\nflow = 1\n";
    check(
        text,
        &["limits.colour=1"],
        &expect![[
            r#"c.toml:4:1: limits.flows_max: invalid type: string "x", expected a whole number, 0 or more"#
        ]],
    );
}

#[test]
fn columns_count_characters() {
    check(
        "[web]\nä = 1\n",
        &[],
        &expect!["c.toml:2:1: invalid unquoted key, expected letters, numbers, `-`, `_`"],
    );
    check(
        "web = { listen = 5 }\n",
        &[],
        &expect!["c.toml:1:9: web.listen: invalid type: integer `5`, expected a string"],
    );
}

#[test]
fn an_override_may_mend_the_file() {
    check("[limits]\nflows_max = 0\n", &["limits.flows_max=7"], &expect!["valid"]);
}

#[test]
fn dotted_keys_and_tables_are_one() {
    check("sensor.name = \"a\"\nlimits.flows_max = 5\n", &["\"sensor\".tenant=t"], &expect!["valid"]);
}

#[test]
fn who_forwards_says_where_to() {
    check(
        "[scale]\nforward = true\n",
        &[],
        &expect![[
            r#"c.toml:2:1: scale.forward: what sensors see goes through Kafka, and there is no Kafka section sinks.kafka with brokers; set sinks.kafka.brokers, or name in scale.sink a section with type = "kafka" and brokers"#
        ]],
    );
    check("[scale]\nforward = true\n", &["sinks.kafka.brokers=kafka:9092"], &expect!["valid"]);
    check(
        "[scale]\nforwards = true\n",
        &[],
        &expect![[r#"
            c.toml:2:1: unknown key `scale.forwards`; did you mean `forward`?
              allowed: forward, sink, sightings_topic, lanes_topic, keys_topic, state_topic, group, partitions, sensors, pair, lateness_ms, idle_s, snapshot_s, tenant_rate_max, held_max"#]],
    );
}

#[test]
fn secrets_are_masked_when_told_back() {
    let mut table: toml::Table =
        toml::from_str("[a]\nkafka_password = \"hunter2\"\nkey_file = \"x\"\nclient_secret = \"\"\n")
            .unwrap();
    effective::mask(&mut table);
    assert_eq!(table.to_string(), "[a]\nclient_secret = \"\"\nkafka_password = \"***\"\nkey_file = \"x\"\n");
}
