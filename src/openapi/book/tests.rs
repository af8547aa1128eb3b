//! Files on disk, and requests against what they declare.

use super::*;
use heelguard_detectors::spec::Security;
use heelguard_detectors::story::transactions;

const SHOP: &str = r#"
openapi: 3.0.3
servers: [{url: "https://api.example.com/v1"}]
security: [{token: []}]
components:
  securitySchemes:
    token: {type: http, scheme: bearer}
    key: {type: apiKey, in: query, name: access}
paths:
  /orders:
    get:
      parameters: [{in: query, name: page}]
    post:
      requestBody: {content: {application/json: {schema: {properties: {sku: {type: string}}}}}}
  /orders/{id}:
    get: {deprecated: true}
  /status:
    get: {security: []}
"#;

fn written(files: &[(&str, &[&str])]) -> (Reading, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    for (number, (text, hosts)) in files.iter().enumerate() {
        let file = folder.path().join(format!("{number}.yaml"));
        std::fs::write(&file, text).unwrap();
        config.specs.push(File { file, hosts: hosts.iter().map(|host| (*host).to_owned()).collect() });
    }
    (Book::read(&config).unwrap(), folder)
}

fn compared(book: &Book, line: &str) -> Comparison {
    let mut tx = transactions(&format!("10:00:00 203.0.113.7 -> use {line}")).unwrap().remove(0);
    book.compare(&mut tx);
    *tx.spec.unwrap()
}

#[test]
fn a_request_is_declared_or_not() {
    let (Reading { book, warnings, unusable }, _folder) = written(&[(SHOP, &[])]);
    assert!(warnings.is_empty() && unusable.is_empty(), "{warnings:?} {unusable:?}");
    assert_eq!(book.operations(), 4);
    let standing = |line: &str| compared(&book, line).standing;
    assert_eq!(standing("GET /v1/orders 200"), Standing::Declared);
    assert_eq!(standing("HEAD /v1/orders 200"), Standing::Declared);
    assert_eq!(standing("GET /v1/orders/7 200"), Standing::Deprecated);
    assert_eq!(standing("DELETE /v1/orders/7 200"), Standing::UndeclaredMethod);
    assert_eq!(standing("GET /orders 200"), Standing::UndeclaredPath);
    assert_eq!(standing("GET /v1/orders 200 host=other.example.com"), Standing::NoSpec);
    assert_eq!(standing("GET /v1/orders 200 host=api.example.com:8443"), Standing::Declared);
    assert_eq!(compared(&book, "GET /v1/orders/7 200").path.as_deref(), Some("/v1/orders/{id}"));
}

#[test]
fn what_is_wanted_is_compared_with_what_was_presented() {
    let (Reading { book, .. }, _folder) = written(&[(SHOP, &[])]);
    let security = |line: &str| compared(&book, line).security;
    assert_eq!(security("GET /v1/orders 200 bearer=t"), Security::Shown);
    assert_eq!(security("GET /v1/orders 200"), Security::Missing);
    assert_eq!(security("GET /v1/orders 200 session=s"), Security::Other);
    assert_eq!(security("GET /v1/status 200"), Security::Open);
}

#[test]
fn parameters_of_which_nothing_is_said_are_named() {
    let (Reading { book, .. }, _folder) = written(&[(SHOP, &[])]);
    let mut tx = transactions("10:00:00 203.0.113.7 -> use GET /v1/orders 200").unwrap().remove(0);
    tx.request.as_mut().unwrap().query_keys =
        ["page", "debug", "access", "utm_source", "_"].map(Arc::from).to_vec();
    book.compare(&mut tx);
    assert_eq!(tx.spec.unwrap().undocumented, [(ParameterPlace::Query, Arc::from("debug"))]);
}

#[test]
fn preflights_and_calls_of_other_kinds_are_not_compared() {
    let (Reading { book, .. }, _folder) = written(&[(SHOP, &["*"])]);
    for line in ["OPTIONS /v1/orders 204", "POST /shop.Orders/List 200 grpc"] {
        let mut tx = transactions(&format!("10:00:00 203.0.113.7 -> use {line}")).unwrap().remove(0);
        book.compare(&mut tx);
        assert_eq!(tx.spec, None, "{line}");
    }
    assert_eq!(compared(&book, "GET /v1/orders 200 host=any.example.com").standing, Standing::Declared);
}

#[test]
fn several_files_are_a_sum_and_a_broken_one_stops_no_other() {
    let more = "openapi: 3.1.0\npaths: {/v1/orders: {get: {}}, /v2/orders: {get: {}}}\n";
    let files: &[(&str, &[&str])] = &[
        (SHOP, &[]),
        ("openapi: [", &[]),
        (more, &[]),
        (more, &["API.example.com"]),
        ("swagger: '2.0'", &[]),
    ];
    let (Reading { book, warnings, unusable }, _folder) = written(files);
    assert_eq!(book.operations(), 5);
    assert_eq!(compared(&book, "GET /v2/orders 200").standing, Standing::Declared);
    assert_eq!(compared(&book, "GET /v1/orders 200").security, Security::Missing, "the first counts");
    assert_eq!((warnings.len(), unusable.len()), (1, 3), "{warnings:?} {unusable:?}");
    assert!(warnings[0].ends_with("GET api.example.com/v1/orders is declared already; the first counts"));
    for (told, wanted) in unusable.iter().zip(["line ", "write `hosts` beside `file`", "Swagger 2"]) {
        assert!(told.contains(wanted), "{told}");
    }
}

#[test]
fn files_that_are_not_there_or_too_large_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.json");
    std::fs::File::create(&large).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
    let file = |file: &Path| File { file: file.to_owned(), hosts: Vec::new() };
    let config = Config { specs: vec![file(&folder.path().join("none.json")), file(&large)] };
    let told = Book::read(&config).unwrap().unusable;
    assert!(told[0].contains("cannot be read"), "{told:?}");
    assert!(told[1].contains("more than 16 MiB"), "{told:?}");
    assert!(Book::read(&Config::default()).is_none());
}

#[test]
fn notes_on_a_file_have_a_limit() {
    let items: String = (0..50).map(|number| format!("  /{number}: {{get: 7}}\n")).collect();
    let text = format!("openapi: 3.1.0\npaths:\n{items}  /ok: {{get: {{}}}}\n");
    let (Reading { book, warnings, .. }, _folder) = written(&[(&text, &["api.example.com"])]);
    assert_eq!((book.operations(), warnings.len()), (1, NOTES_MAX + 1));
    assert!(warnings[NOTES_MAX].ends_with("30 more of the kind"));
}
