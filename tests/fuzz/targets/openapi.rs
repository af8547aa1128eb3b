//! Descriptions of APIs of any text: what is no description is named with its reason, and what is one can be asked.

use super::place::file;
use heelguard::openapi::{Book, Config, File};
use heelguard_detectors::story::transactions;
use std::cell::LazyCell;

thread_local! {
    static STORY: LazyCell<Vec<heelguard_detectors::transaction::Transaction>> = LazyCell::new(|| {
        transactions("10:00:00 203.0.113.9 -> login POST /v1/login 401 user=ann x2").expect("a story")
    });
}

pub fn run(data: &[u8]) {
    let specs = vec![File { file: file(0, data), hosts: vec!["*".to_owned()] }];
    let reading = Book::read(&Config { specs }).expect("there is one to read");
    let is_one = reading.unusable.is_empty();
    assert!(is_one || reading.book.operations() == 0, "what cannot be used is not used");
    for told in reading.unusable.iter().chain(&reading.warnings) {
        assert!(told.contains(": "), "it names the file and says what is odd: {told:?}");
    }
    STORY.with(|story| story.iter().for_each(|tx| reading.book.compare(&mut tx.clone())));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let json = r##"{"openapi":"3.1.0","info":{"title":"t","version":"1"},"servers":[{"url":"https://api.example.com/v1"}],"security":[{"k":[]}],"paths":{"/login":{"post":{"operationId":"login","parameters":[{"name":"a","in":"query","required":true,"schema":{"type":"string"}}],"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/L"}}}},"responses":{"200":{"description":"x"}}}},"/u/{id}":{"$ref":"#/components/pathItems/u"}},"components":{"schemas":{"L":{"type":"object","properties":{"l":{"$ref":"#/components/schemas/L"}}}},"pathItems":{"u":{"get":{"deprecated":true,"responses":{}}}},"securitySchemes":{"k":{"type":"apiKey","in":"header","name":"X-Key"}}}}"##;
    let yaml = "openapi: 3.0.3\ninfo: &i {title: t, version: '1'}\npaths:\n  /a/{b}:\n    get: &g\n      responses:\n        '200': {description: |\n          x\n          }\n    post:\n      <<: *g\n      security: []\n";
    let plain = "swagger: '2.0'\nhost: api.example.com\nbasePath: /v1\npaths:\n  /login:\n    post:\n      consumes: [application/json]\n      parameters:\n      - {in: body, name: b, schema: {type: object}}\n      responses: {default: {description: x}}\nsecurityDefinitions:\n  b: {type: basic}\n";
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\nopenapi: 3.0.0\npaths: {/x: *d}\n";
    [json, yaml, plain, bomb, "openapi: 3.0.0\npaths: []\n", "%YAML 1.2\n---\n? [a]\n: b\n--- x\n"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}
