//! What is learned of traffic, and that it declares what it was learned from.

use super::*;
use crate::openapi::{Book, Config, File};
use heelguard_detectors::contents::{Field, Parameter};
use heelguard_detectors::spec::Standing;
use heelguard_detectors::story::transactions;
use std::path::PathBuf;

fn learned(traffic: &[Transaction]) -> Learner {
    let mut learner = Learner::default();
    for tx in traffic {
        learner.observe(tx);
    }
    learner
}

fn written(learner: &Learner) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("learned.yaml");
    learner.write(&path).unwrap();
    std::fs::read_to_string(path).unwrap()
}

fn book(file: PathBuf) -> Book {
    let reading = Book::read(&Config { specs: vec![File { file, hosts: Vec::new() }] }).unwrap();
    assert!(
        reading.warnings.is_empty() && reading.unusable.is_empty(),
        "{:?} {:?}",
        reading.warnings,
        reading.unusable
    );
    reading.book
}

/// Learns from traffic, and compares the same traffic with what was learned.
fn fed_back(traffic: &[Transaction], name: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    learned(traffic).write(&path).unwrap();
    let book = book(path);
    let mut drift = Vec::new();
    for tx in traffic {
        let mut tx = tx.clone();
        book.compare(&mut tx);
        if tx.succeeded()
            && tx.spec.as_ref().is_some_and(|spec| spec.drifts() || spec.standing == Standing::NoSpec)
        {
            drift.push(format!("{} {:?}", tx.endpoint().unwrap(), tx.spec));
        }
    }
    drift
}

fn contents(
    tx: &mut Transaction,
    parameters: &[(ParameterPlace, &str, ValueType)],
    fields: &[(&str, ValueType)],
) {
    let contents = tx.contents.get_or_insert_default();
    let parameter = |&(place, name, kind): &(_, &str, _)| Parameter { place, name: name.into(), kind };
    contents.parameters = parameters.iter().map(parameter).collect();
    contents.fields = fields.iter().map(|&(name, kind)| Field { name: name.into(), kind }).collect();
}

fn shop() -> Vec<Transaction> {
    use ValueType::{Array, Email, Integer, Null, Number, String, Uuid};
    let mut traffic = transactions(
        "10:00:00 203.0.113.7 -> login POST /v1/login 200 user=ann
         10:00:01 203.0.113.7 -> use GET /v1/orders/7/items/0191 200 user=ann bearer=t route=/v1/orders/{id}/items/{uuid}
         10:00:02 203.0.113.7 -> use GET /v1/orders/8/items/0192 404 user=ann bearer=t route=/v1/orders/{id}/items/{uuid}
         10:00:03 203.0.113.7 -> use POST /v1/orders 201 user=ann session=s bearer=t
         10:00:04 203.0.113.7 -> use POST /v1/orders 201 user=ann session=s
         10:00:05 203.0.113.7 -> use GET /v1/status 200
         10:00:06 203.0.113.7 -> use GET /v1/status 200 key=k
         10:00:07 203.0.113.7 -> use GET /logo.png 200 type=image/png
         10:00:08 203.0.113.7 -> use DELETE /v1/orders/7 403 user=ann bearer=t route=/v1/orders/{id}",
    )
    .unwrap();
    let post = &mut traffic[3];
    post.request.as_mut().unwrap().query_keys = vec!["dry".into()];
    post.request.as_mut().unwrap().bytes = 10;
    post.request.as_mut().unwrap().content_type = Some("application/json".into());
    contents(
        post,
        &[
            (ParameterPlace::Query, "dry", ValueType::Boolean),
            (ParameterPlace::Json, "mail", Email),
            (ParameterPlace::Json, "items", Array),
            (ParameterPlace::Json, "items[].sku", String),
            (ParameterPlace::Json, "items[].price", Integer),
        ],
        &[("id", Uuid), ("total", Number)],
    );
    contents(
        &mut traffic[4],
        &[(ParameterPlace::Json, "items[].price", Number), (ParameterPlace::Json, "items[].note", Null)],
        &[("total", Integer)],
    );
    traffic
}

#[test]
fn a_description_of_a_shop() {
    expect_test::expect_file!["shop.yaml"].assert_eq(&written(&learned(&shop())));
}

#[test]
fn what_was_learned_declares_what_it_was_learned_from() {
    for name in ["a.yaml", "a.json"] {
        let drift: Vec<String> =
            fed_back(&shop(), name).into_iter().filter(|line| !line.contains("logo")).collect();
        assert_eq!(drift, Vec::<String>::new());
    }
}

#[test]
fn a_word_that_became_a_place_later_is_the_same_operation() {
    let traffic = transactions(
        "10:00:00 203.0.113.7 -> use GET /a/one 200 user=ann bearer=t
         10:00:01 203.0.113.7 -> use GET /a/two 200 user=ann bearer=t route=/a/{slug}
         10:00:02 203.0.113.7 -> use GET /a/one 200 route=/a/{slug}
         10:00:03 203.0.113.7 -> use POST /a/one 200 route=/a/{slug}",
    )
    .unwrap();
    assert_eq!(fed_back(&traffic, "a.yaml"), Vec::<String>::new());
    let text = written(&learned(&traffic));
    assert!(text.contains("  /a/one:\n") && text.contains("\"/a/{slug}\":\n"), "{text}");
}

#[test]
fn several_hosts_are_one_document_or_a_folder_of_them() {
    let traffic = transactions(
        "10:00:00 203.0.113.7 -> use GET /a 200 user=ann bearer=t host=one.example.com
         10:00:01 203.0.113.7 -> use GET /a 200 user=ann session=s host=two.example.com:8080
         10:00:02 203.0.113.7 -> use GET /b 200 user=ann session=s host=two.example.com:8080",
    )
    .unwrap();
    assert_eq!(fed_back(&traffic, "a.yaml"), Vec::<String>::new());
    let folder = tempfile::tempdir().unwrap();
    learned(&traffic).write(folder.path()).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["one.example.com.yaml", "two.example.com_8080.yaml"]);
}

#[test]
fn what_cannot_be_written_down_is_counted() {
    let traffic = transactions(
        "10:00:00 203.0.113.7 -> use GET /x 200 route=/{other}
         10:00:01 203.0.113.7 -> use GET /x 200 host=a/b
         10:00:02 203.0.113.7 -> use BREW /x 200
         10:00:03 203.0.113.7 -> use OPTIONS /x 204",
    )
    .unwrap();
    assert_eq!(learned(&traffic).left_out(), 2);
}

#[test]
fn operations_have_a_limit() {
    let mut learner = Learner::default();
    for tx in transactions(&format!("10:00:00 203.0.113.7 -> use GET /p{{0..{OPERATIONS_MAX}}} 200")).unwrap()
    {
        learner.observe(&tx);
    }
    assert_eq!((learner.operations, learner.left_out()), (OPERATIONS_MAX, 1));
}
