//! A database of a test's own on the shared server, records to put in, and the way to ask.

use crate::services::Service;
use heelguard::sinks::clickhouse::{Config, open};
use heelguard::sinks::destination::{Delivered, Destination, Trouble};
use heelguard::sinks::http::HttpClient;
use heelguard::sinks::record::Labels;
use heelguard::sinks::spool::{Batch, Kind, Lane, Record};
use heelguard::sinks::tls::TlsFiles;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const UNSET: &str = "";

/// A database of one test.
pub(super) struct Database<'a> {
    pub(super) service: &'a Service,
    pub(super) name: String,
}

impl<'a> Database<'a> {
    /// None of this name is there.
    pub(super) fn new(service: &'a Service, name: &str) -> Self {
        Self { service, name: name.to_owned() }
    }

    /// The database on the server that all tests share.
    pub(super) fn shared(name: &str) -> Option<Database<'static>> {
        Service::shared_clickhouse().map(|service| Database::new(service, name))
    }

    pub(super) fn config(&self) -> Config {
        Config {
            url: self.service.get("URL").to_owned(),
            database: self.name.clone(),
            user: self.service.get("USER").to_owned(),
            password: self.service.get("PASSWORD").to_owned(),
            ..Config::default()
        }
    }

    pub(super) fn open(&self, lane: Lane) -> Box<dyn Destination> {
        destination(&self.config(), lane)
    }

    /// A destination whose tables are there.
    pub(super) fn ready(&self, lane: Lane) -> Box<dyn Destination> {
        let mut destination = self.open(lane);
        destination.prepare().unwrap();
        destination
    }

    /// The answer to `sql`, where `@` is the database; errors come as the server's text.
    pub(super) fn ask(&self, sql: &str) -> String {
        let login = format!("{}:{}", self.service.get("USER"), self.service.get("PASSWORD"));
        let login = format!("Basic {}", base64(login.as_bytes()));
        let sql = sql.replace('@', &self.name);
        let headers = [("authorization", login.as_str())];
        let answer = http().post(self.service.get("URL"), &headers, sql, Duration::from_secs(20)).unwrap();
        String::from_utf8(answer.body).unwrap().trim_end().to_owned()
    }

    /// Runs statements that must end well.
    pub(super) fn run(&self, statements: &[&str]) {
        for statement in statements {
            assert_eq!(self.ask(statement), "", "{statement}");
        }
    }

    /// Arranges a fault for the next inserts into this database.
    pub(super) fn fault(&self, fault: &str) {
        let url = format!("{}/_fault?{fault}&match=INSERT.INTO..{}", self.service.get("URL"), self.name);
        let answer = http().post(&url, &[], "", Duration::from_secs(5)).unwrap();
        assert_eq!(answer.body, b"Ok.\n");
    }

    pub(super) fn number(&self, sql: &str) -> u64 {
        let answer = self.ask(sql);
        answer.parse().unwrap_or_else(|_| panic!("{sql}: {answer}"))
    }
}

pub(super) fn destination(config: &Config, lane: Lane) -> Box<dyn Destination> {
    open(config, "clickhouse", &labels(), lane).unwrap()
}

pub(super) fn labels() -> Labels {
    Labels { tenant: "default".to_owned(), sensor: "sensor-1".to_owned() }
}

fn http() -> HttpClient {
    let unset = Path::new(UNSET);
    let files = TlsFiles { section: "test", ca_file: unset, cert_file: unset, key_file: unset };
    HttpClient::new(&files).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let quad = |three: &[u8]| {
        let bits =
            three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        let digit = |place: usize| char::from(DIGITS[(bits >> (18 - 6 * place)) as usize & 63]);
        (0..4).map(|place| if place <= three.len() { digit(place) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(quad).collect()
}

/// Hands a batch over, which must go well and whole.
pub(super) fn deliver(destination: &mut dyn Destination, batch: &Batch) {
    assert_eq!(destination.deliver(batch), Ok(Delivered::default()));
}

/// Hands a batch over, which must not work; gives the line.
pub(super) fn trouble(destination: &mut dyn Destination, batch: &Batch) -> String {
    let Trouble { message, .. } = destination.deliver(batch).unwrap_err();
    assert!(!message.contains('\n') && message.len() < 600, "{message}");
    message
}

/// Records with a number each, of one kind.
pub(super) fn batch(lane: Lane, from: u64, bodies: &[String]) -> Batch {
    let kind = match lane {
        Lane::Alerts => Kind::Alert,
        Lane::Transactions => Kind::Transaction,
        Lane::Reports => Kind::Inventory,
        Lane::Sightings => Kind::Sightings,
    };
    let mut batch = Batch::new(7, lane, from);
    for (number, body) in (from..).zip(bodies) {
        let record =
            Record { kind, raised_ms: now_ms(), id: u128::from(number), key: 0, body: body.as_bytes() };
        batch.push(number, &record);
    }
    batch
}

/// Transactions with the numbers `from..to`.
pub(super) fn transactions(from: u64, to: u64) -> Batch {
    batch(
        Lane::Transactions,
        from,
        &(from..to).map(|number| transaction(number, "api.example.com")).collect::<Vec<_>>(),
    )
}

/// Alerts with the numbers `from..to`: three states of each episode.
pub(super) fn alerts(from: u64, to: u64) -> Batch {
    batch(Lane::Alerts, from, &(from..to).map(|number| alert(number / 3, number % 3 + 1)).collect::<Vec<_>>())
}

pub(super) fn id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

pub(super) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// A packet time of today, a function of the number alone within a test.
fn time(number: u64) -> String {
    let day = now_ms() / 86_400_000 * 86_400;
    let event = heelguard_detectors::time::EventTime::from_micros((day * 1000 + number * 1000) * 1000);
    event.to_string()
}

/// Every seventh shows a key, every fifth is an attempt at a second factor.
pub(super) fn transaction(number: u64, host: &str) -> String {
    let (id, time, ttfb) = (id(number), time(number), 100 + number % 50 * 100);
    let credentials = if number.is_multiple_of(7) {
        let fingerprint = number % 3;
        format!(
            r#"[{{"kind":"api_key","class":"generic","location":"header","name":"x-api-key","fingerprint":"{fingerprint:032x}"}}]"#
        )
    } else {
        "[]".to_owned()
    };
    let mfa = if number.is_multiple_of(5) {
        r#"{"event":"attempt","factor":"totp","outcome":"success","ticket":null,"codes_left":null}"#
    } else {
        "null"
    };
    let host = serde_json::to_string(host).unwrap();
    format!(
        r#"{{"schema":"heelguard.transaction/1","id":"{id}","time":"{time}","end":"{time}","ttfb_us":{ttfb},"flow":{{"community_id":"1:SuXz8/jrlnKLqpz4J4+uGJ8Q5NQ=","src_ip":"98.120.103.24","src_port":50015,"dst_ip":"10.20.0.10","dst_port":8000,"vlan":[7,8],"tunnel":null,"vni":null}},"protocol":"http/1.1","tls":null,"request":{{"method":"POST","scheme":"http","host":{host},"path":"/v1/users/{number}","route":"/v1/users/{{id}}","query_keys":["page","size"],"bytes":90,"content_type":"application/json","user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36","agent_kind":"browser","labels":["users"],"identity_headers":[{{"name":"x-user","claim":"user","by_proxy":true}}]}},"response":{{"status":200,"grpc_status":null,"bytes":258,"content_type":"application/json","items":0,"retry_after_s":null}},"client":{{"ip":"98.120.103.24","country":"US","city":null,"lat":44.8,"lon":-103.7,"asn":16787,"class":null,"claimed_ip":null}},"device":"d:dc67616b","principal":{{"kind":"user","id":"u{user}@acme.example","source":"login"}},"credentials":{credentials},"jwt":null,"mfa":{mfa},"outcome":"success","completeness":"whole","anomalies":["tcp.gap"],"activity":"use","proof":{{"level":"mfa","factor":"totp","mfa_at":"{time}","account_has_mfa":true}},"login":null,"exposed":[],"graphql":null,"repeat_of":null,"session":{{"id":"5c4a8d4d2805ec202d9590ed77d6defc","since":"{time}","issued_in_sight":true,"mfa_since":null,"renewals":2,"ended":{{"cause":"logout","at":"{time}"}},"rotated":null}},"reuse":null}}"#,
        user = number % 100,
    )
}

/// A state of an episode.
pub(super) fn alert(episode: u64, rev: u64) -> String {
    let (id, time) = (id(episode), time(episode));
    let status = ["open", "update", "closed"][(rev - 1) as usize % 3];
    format!(
        r#"{{"schema":"heelguard.alert/1","id":"{id}","rev":{rev},"status":"{status}","rule":"MFA-01","detector":"mfa_failure_burst","title":"Burst of failed MFA codes","severity":"high","confidence":"medium","message":"{rev} wrong MFA codes","time":"{time}","first_seen":"{time}","last_seen":"{time}","count":{rev},"threshold":3,"window_s":300,"subject":{{"scope":"principal","value":"user:alice"}},"principal":{{"kind":"user","id":"alice","source":"login"}},"client":{{"ip":"2001:db8::7","country":"DE","asn":64500,"device":null}},"credential":null,"endpoint":{{"method":"POST","host":"api.example.com","route":"/mfa/verify"}},"evidence":[{{"transaction":"{id}","time":"{time}","method":"POST","path":"/mfa/verify","status":401,"note":"wrong totp code"}}],"facts":{{"factor":"totp","distinct_codes":3,"list":["a"]}},"response":"lock","mitre":["T1621"],"owasp":["API2:2023"],"visibility":{{"loss_pct":0.5,"truncated":0,"one_way":false}},"tenant":"default","sensor":"sensor-1"}}"#
    )
}
