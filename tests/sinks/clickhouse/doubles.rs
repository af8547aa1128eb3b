//! Batches that come twice: in the tables and in what they add up to.

use super::database::{Database, alerts, batch, deliver, transaction, transactions, trouble};
use crate::services::Service;
use heelguard::sinks::destination::Destination;
use heelguard::sinks::spool::{Batch, Lane};

/// All that is added up, as one text.
fn rollups(database: &Database<'_>) -> String {
    let questions = [
        "SELECT * FROM @.alerts_hourly ORDER BY ALL",
        "SELECT * FROM @.mfa_posture ORDER BY ALL",
        "SELECT * FROM @.keys ORDER BY ALL",
        "SELECT * FROM @.endpoint_latency ORDER BY ALL",
        "SELECT * FROM @.access ORDER BY ALL",
        "SELECT * FROM @.mfa_latency ORDER BY ALL",
        "SELECT * FROM @.data_leaving ORDER BY ALL",
        "SELECT * FROM @.data_taken ORDER BY ALL",
    ];
    questions.map(|question| database.ask(question)).join("\n--\n")
}

/// The same, straight from the rows.
fn assert_rollups_equal_rows(database: &Database<'_>) {
    for (rolled, rows) in [
        ("SELECT sum(episodes) FROM @.alerts_hourly", "SELECT uniqExact(id) FROM @.alerts"),
        ("SELECT sum(requests) FROM @.endpoint_latency", "SELECT uniqExact(id) FROM @.transactions"),
        (
            "SELECT sum(uses) FROM @.keys",
            "SELECT uniqExact(id) FROM @.transactions WHERE notEmpty(credentials)",
        ),
        (
            "SELECT sum(events) FROM @.mfa_posture WHERE event = 'attempt'",
            "SELECT uniqExact(id) FROM @.transactions WHERE mfa_event = 'attempt'",
        ),
        ("SELECT sum(calls) FROM @.access", "SELECT uniqExact(id) FROM @.transactions"),
        (
            "SELECT sum(steps) FROM @.mfa_latency WHERE event = 'attempt'",
            "SELECT uniqExact(id) FROM @.transactions WHERE mfa_event = 'attempt'",
        ),
        (
            "SELECT sum(answers) FROM @.data_leaving WHERE measure = 'bytes'",
            "SELECT uniqExact(id) FROM @.transactions WHERE response_bytes > 0",
        ),
        (
            "SELECT sum(answers) FROM @.data_taken WHERE measure = 'bytes'",
            "SELECT uniqExact(id) FROM @.transactions WHERE response_bytes > 0",
        ),
    ] {
        assert_eq!(database.number(rolled), database.number(rows), "{rolled}");
    }
}

fn deliver_in_the_end(destination: &mut dyn Destination, batch: &Batch) {
    for _ in 0..20 {
        if destination.deliver(batch).is_ok() {
            return;
        }
        let _ = destination.prepare();
    }
    panic!("not delivered");
}

#[test]
fn an_answer_that_got_lost_doubles_nothing() {
    let Some(database) = Database::shared("doubles_torn") else { return };
    let (mut exchanges, mut episodes) = (database.ready(Lane::Transactions), database.ready(Lane::Alerts));
    deliver(&mut *exchanges, &transactions(0, 500));
    database.fault("mode=torn&times=2");
    let (more, states) = (transactions(500, 1000), alerts(0, 300));
    let line = trouble(&mut *exchanges, &more);
    assert!(line.starts_with("sinks.clickhouse.url: 127.0.0.1:"), "{line}");
    trouble(&mut *episodes, &states);
    deliver(&mut *exchanges, &more);
    deliver(&mut *episodes, &states);
    assert_eq!(database.ask("SELECT count(), uniqExact(id) FROM @.transactions"), "1000\t1000");
    assert_eq!(database.ask("SELECT count(), uniqExact(id) FROM @.alerts FINAL"), "100\t100");
    assert_eq!(database.ask("SELECT count() FROM @.alerts_current WHERE rev = 3"), "100");
    assert_rollups_equal_rows(&database);
}

#[test]
fn other_batches_of_the_same_records_inflate_nothing() {
    let Some(database) = Database::shared("doubles_bounds") else { return };
    let (mut exchanges, mut episodes) = (database.ready(Lane::Transactions), database.ready(Lane::Alerts));
    deliver(&mut *exchanges, &transactions(0, 600));
    deliver(&mut *episodes, &alerts(0, 300));
    let before = rollups(&database);
    // Another run of the sensor over the same packets: the records are the same, the batches are not.
    let again: Vec<String> = (0..600).map(|number| transaction(number, "api.example.com")).collect();
    let mut exchanges = database.ready(Lane::Transactions);
    for (number, bodies) in (5000..).step_by(1000).zip(again.chunks(70)) {
        deliver(&mut *exchanges, &batch(Lane::Transactions, number, bodies));
    }
    for from in [0, 90, 180] {
        deliver(&mut *episodes, &alerts(from, from + 120));
    }
    assert!(database.number("SELECT count() FROM @.transactions") > 600, "the rows did come twice");
    assert_eq!(database.number("SELECT count() FROM @.transactions FINAL"), 600);
    assert_eq!(database.number("SELECT count() FROM @.alerts FINAL"), 100);
    assert_eq!(rollups(&database), before);
    assert_rollups_equal_rows(&database);
}

#[test]
fn rows_whose_rollups_were_missed_are_added_up_after_all() {
    let Some(database) = Database::shared("doubles_views") else { return };
    let mut exchanges = database.ready(Lane::Transactions);
    let made = database.ask("SHOW CREATE TABLE @.to_endpoint_latency_by_hour FORMAT TSVRaw");
    // The server takes the rows, and dies before the view has them.
    database.run(&["DROP VIEW @.to_endpoint_latency_by_hour"]);
    database.fault("mode=torn");
    let rows = transactions(0, 400);
    trouble(&mut *exchanges, &rows);
    assert_eq!(database.number("SELECT count() FROM @.transactions"), 400);
    assert_eq!(database.ask("SELECT count() FROM @.endpoint_latency"), "0");
    database.run(&[&made]);
    deliver(&mut *exchanges, &rows);
    assert_eq!(database.number("SELECT count() FROM @.transactions"), 400);
    assert_rollups_equal_rows(&database);
}

#[test]
fn a_sensor_that_died_with_its_batch_on_the_way_sends_the_rest_of_it() {
    let Some(database) = Database::shared("doubles_sensor") else { return };
    let rows = transactions(0, 400);
    let mut before = database.ready(Lane::Transactions);
    database.fault("mode=torn");
    trouble(&mut *before, &rows);
    database.run(&["TRUNCATE TABLE @.endpoint_latency_by_hour"]);
    // A new process, which knows of nothing.
    deliver(&mut *database.ready(Lane::Transactions), &rows);
    assert_eq!(database.number("SELECT count() FROM @.transactions"), 400);
    assert_rollups_equal_rows(&database);
}

#[test]
fn a_server_that_is_killed_while_it_writes_ends_with_every_row_once() {
    let Some(service) = Service::clickhouse() else { return };
    let database = Database::new(&service, "doubles_killed");
    let mut exchanges = database.ready(Lane::Transactions);
    for round in 0..3 {
        let rows = transactions(round * 5000, round * 5000 + 5000);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(20 + round * 60));
                service.kill();
                service.restart();
            });
            let _ = exchanges.deliver(&rows);
        });
        deliver_in_the_end(&mut *exchanges, &rows);
    }
    assert_eq!(database.ask("SELECT count(), uniqExact(id) FROM @.transactions FINAL"), "15000\t15000");
    assert_rollups_equal_rows(&database);
}
