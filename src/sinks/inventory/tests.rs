//! Records of a few transactions, as they are written.

use super::super::jsonl::Jsonl;
use super::*;
use crate::sinks::record::samples;
use expect_test::expect;
use std::io::{self, Write};
use std::sync::mpsc;

/// Sends what is written to the test.
struct Pipe(mpsc::Sender<Vec<u8>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map(|()| bytes.len()).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written(inventory: &Inventory) -> String {
    let (pipe, end) = mpsc::channel();
    let mut sink = Jsonl::new("inventory".to_owned(), Box::new(Pipe(pipe)));
    inventory.write(&mut sink);
    assert!(sink.finish().1.is_ok());
    String::from_utf8(end.iter().flatten().collect()).unwrap()
}

#[test]
fn one_request_makes_one_entry_of_each_kind() {
    let mut inventory = Inventory::default();
    inventory.observe(&Transaction { repeat_of: None, ..samples::transaction() });
    expect![[r#"
        {"schema":"heelguard.inventory/1","kind":"endpoint","first_seen":"2026-11-21T10:00:00.000000Z","last_seen":"2026-11-21T10:00:00.003250Z","transactions":1,"success":0,"denied":1,"method":"POST","host":"api.example.com","route":"/v1/users/{id}","with_credential":1,"without_credential":0,"labels":["users"],"methods":["POST"],"proofs":{"none":0,"unknown":0,"password":0,"mfa":0,"api_key":0,"service_token":0,"certificate":0}}
        {"schema":"heelguard.inventory/1","kind":"credential","first_seen":"2026-11-21T10:00:00.000000Z","last_seen":"2026-11-21T10:00:00.003250Z","transactions":1,"success":0,"denied":1,"fingerprint":"a1b200000000000000000000000000ff","credential_kind":"bearer_jwt","class":"jwt","location":"header","name":"authorization","principal":{"kind":"user","id":"alice@example.com"},"passport":null}
        {"schema":"heelguard.inventory/1","kind":"principal","first_seen":"2026-11-21T10:00:00.000000Z","last_seen":"2026-11-21T10:00:00.003250Z","transactions":1,"success":0,"denied":1,"principal":{"kind":"user","id":"alice@example.com"},"source":"jwt"}
        {"schema":"heelguard.inventory/1","kind":"service","first_seen":"2026-11-21T10:00:00.000000Z","last_seen":"2026-11-21T10:00:00.003250Z","transactions":1,"success":0,"denied":1,"host":"api.example.com","ip":"10.0.0.5","port":8080,"protocol":"http/1.1"}
    "#]].assert_eq(&written(&inventory));
}

#[test]
fn the_second_sight_of_an_exchange_is_not_counted() {
    let mut inventory = Inventory::default();
    inventory.observe(&samples::transaction());
    assert_eq!(written(&inventory), "");
}

#[test]
fn the_order_of_entries_does_not_depend_on_arrival() {
    let named = |id: &str| {
        let mut tx = Transaction { repeat_of: None, ..samples::transaction() };
        tx.principal.id = id.into();
        tx
    };
    let inventory = |names: [&str; 3]| {
        let mut inventory = Inventory::default();
        for name in names {
            inventory.observe(&Transaction { credentials: Vec::new(), ..named(name) });
        }
        written(&inventory)
    };
    assert_eq!(inventory(["a", "b", "c"]), inventory(["c", "a", "b"]));
}
