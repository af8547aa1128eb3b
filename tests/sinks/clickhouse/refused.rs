//! Rows that will never go in: alone, while all others do.

use super::database::{Database, batch, deliver, transaction, transactions};
use heelguard::sinks::destination::Refused;
use heelguard::sinks::spool::Lane;

#[test]
fn what_is_no_record_stands_alone() {
    let Some(database) = Database::shared("refused_broken") else { return };
    let mut bodies: Vec<String> = (0..20).map(|number| transaction(number, "api")).collect();
    bodies[3] = "{\"schema\":".to_owned();
    bodies[17] = bodies[17].replace("10.20.0.10", "10.20.0.1000");
    let delivered =
        database.ready(Lane::Transactions).deliver(&batch(Lane::Transactions, 0, &bodies)).unwrap();
    let places: Vec<usize> = delivered.refused.iter().map(|refused| refused.index).collect();
    assert_eq!(places, [3, 17]);
    assert!(delivered.refused[1].reason.contains("expected an IP address"), "{:?}", delivered.refused);
    assert_eq!(database.number("SELECT count() FROM @.transactions"), 18);
}

#[test]
fn what_the_server_does_not_take_is_found_by_halves() {
    let Some(database) = Database::shared("refused_halves") else { return };
    let mut destination = database.ready(Lane::Transactions);
    // The whole, its first half, and of that the first row.
    database.fault("mode=status&status=500&code=469&times=3");
    let delivered = destination.deliver(&transactions(0, 4)).unwrap();
    let places: Vec<usize> = delivered.refused.iter().map(|refused: &Refused| refused.index).collect();
    assert_eq!(places, [0], "{:?}", delivered.refused);
    assert_eq!(
        database.ask("SELECT groupArray(path) FROM (SELECT path FROM @.transactions ORDER BY path)"),
        "['/v1/users/1','/v1/users/2','/v1/users/3']"
    );
    assert_eq!(database.ask("SELECT sum(requests) FROM @.endpoint_latency"), "3");
}

#[test]
fn too_many_partitions_for_one_insert_are_put_in_by_parts() {
    let Some(database) = Database::shared("refused_partitions") else { return };
    let mut destination = database.ready(Lane::Transactions);
    database.fault(
        "mode=status&status=500&code=252&text=Too%20many%20partitions%20for%20single%20INSERT%20block",
    );
    deliver(&mut *destination, &transactions(0, 100));
    assert_eq!(database.ask("SELECT count(), uniqExact(id) FROM @.transactions"), "100\t100");
    assert_eq!(database.ask("SELECT sum(requests) FROM @.endpoint_latency"), "100");
}

#[test]
fn a_column_changed_under_way_is_no_fault_of_the_rows() {
    let Some(database) = Database::shared("refused_changed") else { return };
    let mut destination = database.ready(Lane::Transactions);
    database.run(&["ALTER TABLE @.transactions DROP INDEX by_principal, MODIFY COLUMN principal_id UInt64"]);
    let rows = transactions(0, 10);
    let line = super::database::trouble(&mut *destination, &rows);
    assert!(line.contains("refused_changed.transactions.principal_id is of type UInt64"), "{line}");
    database.run(&["ALTER TABLE @.transactions MODIFY COLUMN principal_id String"]);
    destination.prepare().unwrap();
    deliver(&mut *destination, &rows);
    assert_eq!(database.number("SELECT count() FROM @.transactions"), 10);
}

#[test]
fn where_no_row_at_all_is_taken_the_rows_are_not_at_fault() {
    let Some(database) = Database::shared("refused_all") else { return };
    let mut destination = database.ready(Lane::Transactions);
    let rows = transactions(0, 4);
    // A view that fails says so with the codes of bad rows.
    // The whole, its halves, and every row.
    database.fault("mode=status&status=500&code=469&times=7");
    let line = super::database::trouble(&mut *destination, &rows);
    assert!(line.contains("none of 4 rows was taken"), "{line}");
    destination.prepare().unwrap();
    deliver(&mut *destination, &rows);
    assert_eq!(database.number("SELECT count() FROM @.transactions"), 4);
}
