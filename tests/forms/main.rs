//! Records in the forms of public schemas, held against facts of these schemas that are kept beside this file.
//! It is given the golden records, every rule with every state, and what the sensor says about whole captures.
//! It promises to go red for a name that the schema does not know: each check is shown to see what it is for.

#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on stops"
)]

#[path = "../support/mod.rs"]
mod support;

mod facts;
mod ocsf;
mod records;
mod values;

use expect_test::expect_file;
use facts::Facts;
use heelguard::sinks::form::Form;
use heelguard::sinks::record::Labels;
use heelguard::sinks::spool::Kind;
use ocsf::Ocsf;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use values::Complaints;

/// The facts of all schemas.
struct Schemas {
    ocsf: Ocsf,
    ecs: Facts,
    eve: Facts,
}

impl Schemas {
    fn read() -> Self {
        let text = |name: &str| std::fs::read_to_string(root().join("tests/forms").join(name)).unwrap();
        Self {
            ocsf: Ocsf::parse(&text("ocsf-1.8.0.txt")),
            ecs: Facts::parse(&text("ecs-9.4.txt")),
            eve: Facts::parse(&text("eve-8.txt")),
        }
    }

    /// What is wrong with a record in its form.
    fn complaints(&self, form: Form, record: &Value) -> Complaints {
        match form {
            Form::Native => Complaints::default(),
            Form::Ocsf => self.ocsf.complaints(record),
            Form::Eve => self.eve.complaints(record),
            Form::Ecs => {
                let mut complaints = self.ecs.complaints(record);
                self.categories(record, &mut complaints);
                complaints
            }
        }
    }

    /// Each type goes with one of the categories, and each category with one of the types.
    fn categories(&self, record: &Value, complaints: &mut Complaints) {
        let list = |name: &str| record["event"][name].as_array().cloned().unwrap_or_default();
        let (categories, types) = (list("category"), list("type"));
        let goes = |category: &Value, kind: &Value| {
            self.ecs.expected(category.as_str().unwrap_or_default()).iter().any(|known| *kind == **known)
        };
        let lonely = |of: &[Value], with: &dyn Fn(&Value) -> bool| of.iter().any(|one| !with(one));
        if lonely(&categories, &|category| types.iter().any(|kind| goes(category, kind))) {
            complaints.add("event.category", "goes with no event.type");
        }
        if lonely(&types, &|kind| categories.iter().any(|category| goes(category, kind))) {
            complaints.add("event.type", "goes with no event.category");
        }
    }
}

const FORMS: [Form; 3] = [Form::Ocsf, Form::Ecs, Form::Eve];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn golden(name: &str) -> Value {
    let path = root().join("tests/forms/golden").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn written(form: Form, kind: Kind, native: &[u8]) -> String {
    let labels = Labels { tenant: "default".to_owned(), sensor: "sensor-1".to_owned() };
    let mut out = Vec::new();
    form.write(kind, native, &labels, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Writes `native` in every form and wants no complaint.
fn check(schemas: &Schemas, kind: Kind, native: &Value) {
    let body = serde_json::to_vec(native).unwrap();
    for form in FORMS {
        let record = serde_json::from_str(&written(form, kind, &body)).unwrap();
        let complaints = schemas.complaints(form, &record);
        assert!(complaints.is_empty(), "{}: {complaints:?}\n{record:#}", form.name());
    }
}

#[test]
fn the_golden_records_keep_to_the_schemas() {
    let schemas = Schemas::read();
    for form in FORMS {
        for name in ["alert", "bare-alert", "transaction", "bare-transaction"] {
            let record = golden(&format!("{name}.{}", form.name()));
            let complaints = schemas.complaints(form, &record);
            assert!(complaints.is_empty(), "{name}.{}: {complaints:?}", form.name());
        }
    }
}

#[test]
fn every_rule_in_every_state_keeps_to_the_schemas() {
    let schemas = Schemas::read();
    let mut checked = 0;
    for alert in records::alerts(&golden("alert.native")) {
        check(&schemas, Kind::Alert, &alert);
        checked += 1;
    }
    assert!(checked > 150, "{checked}");
}

#[test]
fn every_kind_of_exchange_keeps_to_the_schemas() {
    let schemas = Schemas::read();
    for transaction in records::transactions(&golden("transaction.native")) {
        check(&schemas, Kind::Transaction, &transaction);
    }
}

/// What the sensor says about the cases, and, where they are at hand, about captures of real products.
#[test]
fn what_the_sensor_writes_keeps_to_the_schemas() {
    let schemas = Schemas::read();
    let folder = tempfile::tempdir().unwrap();
    let mut captures = Vec::new();
    for (index, traffic) in cases().into_iter().map(|case| case.join("traffic.txt")).enumerate() {
        let capture = folder.path().join(format!("{index}.pcap"));
        let text = std::fs::read_to_string(traffic).unwrap();
        std::fs::write(&capture, support::conversation::pcap(&text)).unwrap();
        captures.push(capture);
    }
    if let Some(realauth) = std::env::var_os("HEELGUARD_REALAUTH") {
        let real = support::realauth::captures(Path::new(&realauth));
        captures.extend(real.into_iter().map(|(path, _)| path).filter(|path| path.is_file()));
    } else {
        eprintln!("NOT CHECKED: captures of real products; HEELGUARD_REALAUTH names no folder");
    }
    let mut alerts = 0;
    for capture in &captures {
        let said = support::replay::replay(&[capture], &[]);
        said.alerts.iter().for_each(|alert| check(&schemas, Kind::Alert, alert));
        let exchanges =
            said.transactions.iter().filter(|record| record["schema"] == "heelguard.transaction/1");
        exchanges.for_each(|transaction| check(&schemas, Kind::Transaction, transaction));
        alerts += said.alerts.len();
    }
    assert!(alerts >= 8, "{alerts}");
}

/// One case shows its alerts in every form.
#[test]
fn a_case_shows_its_alerts_in_every_form() {
    let case = root().join("tests/cases/mfa-three-wrong-codes");
    let native = std::fs::read_to_string(case.join("alerts.jsonl")).unwrap();
    for form in FORMS {
        let lines = native.lines().map(|line| written(form, Kind::Alert, line.as_bytes()) + "\n");
        expect_file![case.join(format!("alerts.{}.jsonl", form.name()))]
            .assert_eq(&lines.collect::<String>());
    }
}

/// Whatever text a form holds is a text of the native record, or stands in this list, which people have read: fixed
/// words of the program, and texts put together from native ones.
#[test]
fn texts_come_from_the_native_record_or_from_a_list() {
    let mut own = BTreeSet::new();
    for (name, kind) in [("alert", Kind::Alert), ("transaction", Kind::Transaction)] {
        let native = golden(&format!("{name}.native"));
        let known = records::texts(&native);
        for form in FORMS {
            let record: Value =
                serde_json::from_str(&written(form, kind, &serde_json::to_vec(&native).unwrap())).unwrap();
            let added = records::texts(&record).into_iter().filter(|text| !known.contains(text));
            own.extend(added.map(|text| format!("{} {name}: {text}\n", form.name())));
        }
    }
    let list = own.into_iter().collect::<String>();
    expect_file![root().join("tests/forms/golden/own-words.txt")].assert_eq(&list);
}

#[test]
fn a_misspelt_name_is_seen() {
    let schemas = Schemas::read();
    let rename = |form: Form, name: &str, pointer: &str, from: &str, to: &str| {
        let mut record = golden(&format!("{name}.{}", form.name()));
        let object = record.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        let value = object.remove(from).unwrap();
        object.insert(to.to_owned(), value);
        schemas.complaints(form, &record)
    };
    assert!(
        rename(Form::Ocsf, "alert", "/finding_info", "title", "titel").has("finding_info.titel is not known")
    );
    let deep = rename(Form::Ocsf, "alert", "/evidences/1/http_request/url", "path", "pfad");
    assert!(
        deep.has("evidences[1].http_request.url.pfad is not known")
            && deep.has("evidences[1].http_request.url. has none of")
    );
    assert!(rename(Form::Ocsf, "alert", "", "metadata", "meta").has("metadata is missing"));
    assert!(rename(Form::Ocsf, "transaction", "", "http_request", "request").has("request is not known"));
    assert!(rename(Form::Ecs, "alert", "/source", "ip", "ipaddr").has("source.ipaddr is not known"));
    assert!(rename(Form::Ecs, "transaction", "", "@timestamp", "timestamp").has("@timestamp is missing"));
    assert!(rename(Form::Eve, "alert", "/alert", "signature_id", "sid").has("alert.signature_id is missing"));
    assert!(rename(Form::Eve, "transaction", "/http", "hostname", "host").has("http.host is not known"));
}

#[test]
fn a_wrong_type_or_value_is_seen() {
    let schemas = Schemas::read();
    let change = |form: Form, name: &str, pointer: &str, to: Value| {
        let mut record = golden(&format!("{name}.{}", form.name()));
        *record.pointer_mut(pointer).unwrap() = to;
        schemas.complaints(form, &record)
    };
    assert!(change(Form::Ocsf, "alert", "/severity_id", json!(7)).has("severity_id is outside"));
    assert!(change(Form::Ocsf, "alert", "/severity_id", json!("3")).has("severity_id is no integer_t"));
    assert!(change(Form::Ocsf, "alert", "/time", json!(1_795_255_200)).has("time is no timestamp_t"));
    assert!(change(Form::Ocsf, "alert", "/activity_id", json!(2)).has("type_uid is not made of"));
    assert!(change(Form::Ocsf, "alert", "/observables", json!({})).has("observables is an array"));
    assert!(
        change(Form::Ocsf, "alert", "/evidences/0/src_endpoint/ip", json!("x"))
            .has("evidences[0].src_endpoint.ip is no ip_t")
    );
    assert!(change(Form::Ocsf, "transaction", "/metadata/profiles", json!([])).has("actor is not known"));
    assert!(change(Form::Ecs, "alert", "/event/category", json!("web")).has("event.category is an array"));
    assert!(change(Form::Ecs, "alert", "/event/type", json!(["start"])).has("event.category goes with no"));
    assert!(change(Form::Ecs, "alert", "/event/kind", json!("alarm")).has("event.kind is outside"));
    assert!(
        change(Form::Eve, "alert", "/timestamp", json!("2026-11-21T10:03:00.120000Z")).has("timestamp is no")
    );
    assert!(change(Form::Eve, "alert", "/alert/severity", json!("2")).has("alert.severity is no integer"));
}

fn cases() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("tests/cases")).unwrap();
    let mut cases: Vec<_> = folder.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    cases.sort();
    cases
}
