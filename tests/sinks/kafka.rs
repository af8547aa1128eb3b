//! Alerts, transactions and reports on Apache Kafka, read back by clients that are not ours.
//! One broker with every kind of listener serves all tests; the one that kills it has its own.

mod outage;
mod reading;
mod ways_in;
mod what_is_wrong;

use super::services::Service;
use heelguard::sinks::destination::{Delivered, Destination};
use heelguard::sinks::kafka::{Config, open};
use heelguard::sinks::record::Labels;
use heelguard::sinks::spool::{Batch, Kind, Lane, Record};

fn labels() -> Labels {
    Labels { tenant: "default".to_owned(), sensor: "sensor-1".to_owned() }
}

/// A configuration for topics that no other test uses.
fn config(server: &Service, listener: &str, topics: &str, more: &str) -> Config {
    let lines = [
        format!("brokers = '{}'", server.get(listener)),
        format!("alerts_topic = '{topics}.alerts'"),
        format!("transactions_topic = '{topics}.transactions'"),
        "tls_topic = ''".to_owned(),
        format!("inventory_topic = '{topics}.inventory'"),
        format!("health_topic = '{topics}.health'"),
        more.to_owned(),
    ];
    toml::from_str(&lines.join("\n")).unwrap()
}

fn destination(config: &Config, lane: Lane) -> Box<dyn Destination> {
    open(config, "kafka", &labels(), lane).unwrap()
}

/// Records `from..to` of a lane, with their numbers as ids.
fn batch(kind: Kind, from: u64, to: u64) -> Batch {
    let mut batch = Batch::new(1, kind.lane(), from);
    for number in from..to {
        let body = format!(r#"{{"schema":"{}","number":{number},"message":"€ \u0000"}}"#, kind.schema());
        let (id, key) = (u128::from(number), u128::from(number % 7));
        let raised_ms = 1_795_255_200_000 + number;
        batch.push(number, &Record { kind, raised_ms, id, key, body: body.as_bytes() });
    }
    batch
}

fn all_arrived() -> Delivered {
    Delivered::default()
}
