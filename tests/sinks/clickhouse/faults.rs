//! A server that answers wrongly, late, or not: nothing counts as delivered, and all of it comes later.

use super::database::{Database, deliver, transactions, trouble};
use heelguard::sinks::spool::Lane;

#[test]
fn only_a_whole_answer_without_an_error_counts() {
    let Some(database) = Database::shared("faults_answers") else { return };
    let mut destination = database.ready(Lane::Transactions);
    let faults = [
        ("mode=status&status=500&code=1002", "answers with code 1002"),
        ("mode=status&status=503&code=202", "answers with code 202"),
        ("mode=late", "answers with code "),
        ("mode=hang&ms=200", "sinks.clickhouse.url: 127.0.0.1:"),
        ("mode=reset", "sinks.clickhouse.url: 127.0.0.1:"),
        ("mode=torn", "sinks.clickhouse.url: 127.0.0.1:"),
        ("mode=half", "sinks.clickhouse.url: 127.0.0.1:"),
    ];
    for (number, (fault, wanted)) in (0..).step_by(10).zip(faults) {
        let rows = transactions(number, number + 10);
        database.fault(fault);
        let line = trouble(&mut *destination, &rows);
        assert!(line.contains(wanted), "{fault}: {line}");
        destination.prepare().unwrap();
        deliver(&mut *destination, &rows);
        assert_eq!(database.number("SELECT count() FROM @.transactions"), number + 10, "{fault}");
    }
}

#[test]
fn a_server_in_need_is_left_to_recover() {
    let Some(database) = Database::shared("faults_codes") else { return };
    let mut destination = database.ready(Lane::Transactions);
    for (code, words) in [
        (241, "is out of memory; waiting"),
        (242, "is read-only; is its Keeper there?"),
        (243, "the disk of 127.0.0.1:"),
        (252, "is behind with its merges; waiting"),
        (497, "may not do this on 127.0.0.1:"),
        (60, "sinks.clickhouse: the tables on 127.0.0.1:"),
    ] {
        database.fault(&format!("mode=status&status=500&code={code}"));
        let line = trouble(&mut *destination, &transactions(0, 10));
        assert!(line.contains(words), "{code}: {line}");
    }
    deliver(&mut *destination, &transactions(0, 10));
    assert_eq!(database.number("SELECT count() FROM @.transactions"), 10);
}
