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
    let rich = r##"{"openapi":"3.0.3","servers":[{"url":"https://{region}.example.com/{v}","variables":{"region":{"enum":["eu","us"],"default":"eu"},"v":{"default":"v1"}}},{"description":"none"},{"url":"nowhere"},{"url":"//api.example.com"},{"url":"/v2"}],"security":"none","paths":{"/v1/login":{"parameters":[{"$ref":"#/components/parameters/p"},{"$ref":"other.yaml#/p"},{"name":"q[]","in":"query"},{"name":"f","in":"query","style":"deepObject","schema":{"type":"object","properties":{"x":{"type":["string","null"]}}}},{"in":"query"}],"post":{"security":[{"o":["a"]},{"h":[],"m":[]},{}],"requestBody":{"$ref":"#/components/requestBodies/b"}},"get":{"requestBody":{"$ref":"#/nowhere"},"security":[{"unknown":[]}]},"put":{"requestBody":{"content":{"application/json":{"schema":{"allOf":[{"$ref":"#/components/schemas/T"},{"properties":{"list":{"items":{"properties":{"deep":{"enum":[1]}}},"prefixItems":[{"type":"integer"}]}}}],"oneOf":[{"additionalProperties":true}]}},"application/x-www-form-urlencoded":{"schema":{"patternProperties":{"^x":{}}}}}}}},"no-slash":{},"/loop":{"$ref":"#/paths/~1loop"},"/l2":{"$ref":"#/components/pathItems/a~1b%20c"}},"components":{"parameters":{"p":{"name":"user","in":"query","content":{"application/json":{"schema":{"$ref":"#/components/schemas/T"}}}}},"requestBodies":{"b":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/T"}}}}},"schemas":{"T":{"properties":{"user":{"type":"string"},"t":{"$ref":"#/components/schemas/T"}}}},"pathItems":{"a/b c":{"head":{}}},"securitySchemes":{"o":{"type":"oauth2"},"h":{"type":"http","scheme":"Digest"},"m":{"type":"mutualTLS"},"bad":{"type":"apiKey","in":"body","name":"x"},"worse":{"type":"magic"},"b":{"type":"http","scheme":"basic"},"c":{"type":"apiKey","in":"cookie","name":"s"},"n":{"type":"apiKey","in":"query"},"s":{"type":"http"},"i":{"type":"openIdConnect"}}}}"##;
    let yaml = "openapi: 3.0.3\ninfo: &i {title: t, version: '1'}\npaths:\n  /a/{b}:\n    get: &g\n      responses:\n        '200': {description: |\n          x\n          }\n    post:\n      <<: *g\n      security: []\n";
    let plain = "swagger: '2.0'\nhost: api.example.com\nbasePath: /v1\npaths:\n  /login:\n    post:\n      consumes: [application/json]\n      parameters:\n      - {in: body, name: b, schema: {type: object}}\n      responses: {default: {description: x}}\nsecurityDefinitions:\n  b: {type: basic}\n";
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\nopenapi: 3.0.0\npaths: {/x: *d}\n";
    [
        json,
        rich,
        yaml,
        plain,
        bomb,
        "{\"openapi\":\"4.0.0\"}",
        "openapi: 3.1.0\npaths: {/a: {get: {}}}\nx: &x {<<: [*y, *x]}\n",
        "openapi: 3.0.0\npaths: []\n",
        "%YAML 1.2\n---\n? [a]\n: b\n--- x\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
