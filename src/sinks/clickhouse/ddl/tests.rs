//! The text filled in, for one server and for a cluster.

use super::*;

fn script(cluster: &str) -> String {
    Site { database: "hg", cluster, keep_days: &KeepDays { transactions: 14, ..KeepDays::default() } }
        .script()
}

#[test]
fn one_server_gets_plain_tables() {
    let text = script("");
    assert!(text.starts_with("CREATE DATABASE IF NOT EXISTS `hg`;\n"));
    assert!(text.contains("CREATE TABLE IF NOT EXISTS `hg`.`alerts`\n(\n"));
    assert!(text.contains("ENGINE = ReplacingMergeTree(rev)\n"));
    assert!(text.contains("TTL toDateTime(raised) + INTERVAL 14 DAY\n"));
    assert!(text.contains("`hg`.`to_key_passport` TO `hg`.`key_passport` AS\n"));
    for cluster_only in ["ON CLUSTER", "Distributed", "Replicated", "_local"] {
        assert!(!text.contains(cluster_only), "{cluster_only}");
    }
}

#[test]
fn a_cluster_gets_replicated_tables_behind_distributed_ones() {
    let text = script("main");
    let local = "CREATE TABLE IF NOT EXISTS `hg`.`alerts_local` ON CLUSTER `main`\n(\n";
    assert!(text.contains(local), "{text}");
    assert!(text.contains("ENGINE = ReplicatedReplacingMergeTree(rev)\n"));
    let spread = "CREATE TABLE IF NOT EXISTS `hg`.`alerts` ON CLUSTER `main` AS `hg`.`alerts_local`\n\
                  ENGINE = Distributed('main', 'hg', 'alerts_local', cityHash64(id));\n";
    assert!(text.contains(spread), "{text}");
    // Rows are added up where they are, and read from everywhere.
    assert!(text.contains("`hg`.`to_tls` ON CLUSTER `main` TO `hg`.`tls_local` AS\n"));
    assert!(text.contains("FROM `hg`.`transactions_local`\n"));
    assert!(text.contains("SELECT * FROM `hg`.`alerts` FINAL;"));
    assert!(!text.contains("schema_migrations_local"));
}

#[test]
fn nothing_is_left_to_fill_in() {
    for cluster in ["", "main"] {
        for statement in script(cluster).split(";\n") {
            let braces: Vec<&str> =
                statement.split('{').skip(1).filter_map(|text| text.split('}').next()).collect();
            assert!(braces.iter().all(|left| *left == "id"), "{braces:?} in {statement}");
        }
    }
}

#[test]
fn the_text_lists_the_columns() {
    let alerts = columns("alerts");
    assert_eq!(alerts[0], Column { name: "raised", type_name: "DateTime64(3, 'UTC')" });
    let severity = "Enum8('info' = 1, 'low' = 2, 'medium' = 3, 'high' = 4, 'critical' = 5)";
    assert!(alerts.contains(&Column { name: "severity", type_name: severity }));
    assert!(alerts.contains(&Column { name: "fingerprint", type_name: "String" }));
    assert_eq!(alerts.last(), Some(&Column { name: "one_way", type_name: "Bool" }));
    assert_eq!(columns("transactions").len(), 91);
    assert_eq!(columns("no_such_table"), []);
}

#[test]
fn every_rollup_can_be_made_again_from_some_rows() {
    let keep_days = KeepDays::default();
    let site = Site { database: "hg", cluster: "", keep_days: &keep_days };
    let of_transactions = site.rebuilds("transactions", "raised >= 1");
    assert_eq!(of_transactions.len(), 8);
    assert!(of_transactions[0].starts_with("INSERT INTO `hg`.`mfa_posture_by_hour` SELECT\n"));
    let chosen = "FROM (SELECT * FROM `hg`.`transactions` WHERE raised >= 1)\n";
    assert!(of_transactions.iter().all(|statement| statement.contains(chosen)), "{of_transactions:?}");
    assert_eq!(site.rebuilds("alerts", "1").len(), 1);
    assert_eq!(site.rebuilds("inventory", "1").len(), 0);
}
