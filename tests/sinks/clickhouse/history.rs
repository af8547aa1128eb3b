//! Tables that are not there, older, newer, or changed by hand.

use super::database::{Database, destination};
use heelguard::sinks::clickhouse::{Config, Migrate, script};
use heelguard::sinks::spool::Lane;

fn complaint(config: &Config) -> String {
    destination(config, Lane::Alerts).prepare().unwrap_err().message
}

#[test]
fn tables_are_made_from_nothing_and_by_several_at_once() {
    let Some(database) = Database::shared("history_nothing") else { return };
    std::thread::scope(|scope| {
        for lane in Lane::ALL {
            scope.spawn(|| {
                let mut destination = database.open(*lane);
                // Two may stand in each other's way once.
                destination.prepare().or_else(|_| destination.prepare()).unwrap();
            });
        }
    });
    assert_eq!(
        database.ask(
            "SELECT groupArray(version) FROM (SELECT version FROM @.schema_migrations FINAL ORDER BY 1)"
        ),
        "[1,2,3,4,5]"
    );
    let commented = "SELECT count() FROM system.columns WHERE database = '@' AND comment = '' AND table IN ('alerts', 'transactions', 'tls_connections', 'inventory', 'sensor_health')";
    assert_eq!(database.ask(commented), "0");
}

#[test]
fn what_is_missing_is_only_said_when_that_is_wanted() {
    let Some(database) = Database::shared("history_check") else { return };
    let config = Config { migrate: Migrate::Check, ..database.config() };
    assert_eq!(
        complaint(&config),
        "sinks.clickhouse.migrate: `history_check` lacks version 1 (tables), 2 (rollups), 3 (views), 4 \
         (connections), 5 (boards); run what `heelguard schema clickhouse` prints through clickhouse-client, or set migrate = \
         \"auto\""
    );
    assert_eq!(database.ask("SELECT count() FROM system.databases WHERE name = '@'"), "0");
    // By hand, as the line says.
    let script = script(&config);
    let statements: Vec<&str> = script.split(";\n").map(str::trim).filter(|text| !text.is_empty()).collect();
    for statement in statements {
        let code: String =
            statement.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
        let answer = database.ask(&code);
        assert_eq!(answer, "", "{code}");
    }
    for lane in Lane::ALL {
        destination(&config, *lane).prepare().unwrap();
    }
}

#[test]
fn older_tables_are_brought_up_to_date() {
    let Some(database) = Database::shared("history_older") else { return };
    database.ready(Lane::Alerts);
    database.run(&[
        "DROP VIEW @.alerts_current",
        "ALTER TABLE @.schema_migrations DELETE WHERE version = 3 SETTINGS mutations_sync = 1",
    ]);
    let check = Config { migrate: Migrate::Check, ..database.config() };
    assert!(complaint(&check).contains("lacks version 3 (views); run what"), "{}", complaint(&check));
    database.ready(Lane::Alerts);
    assert_eq!(database.ask("SELECT count() FROM @.alerts_current"), "0");
}

#[test]
fn newer_tables_and_those_of_another_text_are_left_alone() {
    let Some(database) = Database::shared("history_newer") else { return };
    database.ready(Lane::Alerts);
    database.run(&["INSERT INTO @.schema_migrations (version, name, checksum) VALUES (99, 'future', 'x')"]);
    assert_eq!(
        complaint(&database.config()),
        "sinks.clickhouse.database: the tables in `history_newer` are of version 99, this program writes version 5; \
         run the newer heelguard, or set another database"
    );
    database.run(&[
        "ALTER TABLE @.schema_migrations DELETE WHERE version = 99 SETTINGS mutations_sync = 1",
        "INSERT INTO @.schema_migrations (version, name, checksum) VALUES (2, 'rollups', 'y')",
    ]);
    let line = complaint(&database.config());
    assert!(line.contains("version 2 of the tables in `history_newer` was made from another text"), "{line}");
    let off = Config { migrate: Migrate::Off, ..database.config() };
    destination(&off, Lane::Alerts).prepare().unwrap();
}

#[test]
fn what_was_changed_by_hand_is_named() {
    let Some(database) = Database::shared("history_changed") else { return };
    database.ready(Lane::Alerts);
    database.run(&["ALTER TABLE @.alerts DROP COLUMN message"]);
    assert_eq!(
        complaint(&database.config()),
        "sinks.clickhouse: the column history_changed.alerts.message is missing, of type String; change it back with \
         ALTER TABLE"
    );
    database.run(&["ALTER TABLE @.alerts ADD COLUMN message String, MODIFY COLUMN threshold Int32"]);
    assert_eq!(
        complaint(&database.config()),
        "sinks.clickhouse: the column history_changed.alerts.threshold is of type Int32 and should be UInt64; change \
         it back with ALTER TABLE"
    );
    // More columns than ours do not matter.
    database.run(&["ALTER TABLE @.alerts MODIFY COLUMN threshold UInt64, ADD COLUMN assignee String"]);
    super::database::deliver(&mut *database.ready(Lane::Alerts), &super::database::alerts(0, 3));
    database.run(&["DROP TABLE @.alerts"]);
    let line = complaint(&database.config());
    assert!(
        line.starts_with("sinks.clickhouse: the table history_changed.alerts is missing; make it again"),
        "{line}"
    );
}

#[test]
fn the_cluster_form_is_good_sql() {
    let Some(database) = Database::shared("history_cluster") else { return };
    let config = Config { cluster: "main".to_owned(), ..database.config() };
    let script = script(&config);
    for statement in script.split(";\n").filter(|statement| statement.contains("CREATE")) {
        let code: String =
            statement.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
        let tree = database.ask(&format!("EXPLAIN AST {}", code.trim()));
        assert!(tree.starts_with("CreateQuery"), "{code}\n{tree}");
    }
}
