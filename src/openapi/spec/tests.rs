//! What is read of descriptions, and what is said of wrong ones.

use super::*;
use serde_json::json;

fn minimal(paths: Value) -> Value {
    let mut document = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}});
    document["paths"] = paths;
    document
}

fn with(mut document: Value, key: &str, value: Value) -> Value {
    document[key] = value;
    document
}

#[test]
fn versions_that_cannot_be_read_are_named() {
    let refused = |value: Value| read(&value).unwrap_err();
    assert!(refused(json!({"swagger": "2.0"})).contains("swagger2openapi"));
    assert_eq!(refused(json!({"openapi": "4.0.0"})), "is of OpenAPI 4.0.0; wanted: 3.0 or 3.1");
    assert!(refused(json!({"info": {}})).contains("no `openapi`"));
    assert!(refused(json!([])).contains("no `openapi`"));
    assert!(read(&json!({"openapi": 3.1, "paths": {}})).is_ok(), "YAML makes a number of 3.1");
    assert!(refused(json!({"openapi": "3.0.3", "paths": []})).contains("#/paths"));
}

#[test]
fn servers_stand_before_paths_and_operations_have_their_own() {
    let document = with(
        minimal(json!({
            "/a": {"get": {}},
            "/b": {"servers": [{"url": "https://b.example.com/"}], "get": {}, "put": {"servers": [{"url": "/own"}]}},
        })),
        "servers",
        json!([{"url": "https://{region}.Example.com:8443/v{n}/", "variables": {
            "region": {"enum": ["eu", "us"], "default": "eu"}, "n": {"default": 2}}}]),
    );
    let spec = read(&document).unwrap();
    let servers: Vec<String> = spec
        .operations
        .iter()
        .map(|operation| {
            let servers: Vec<String> = operation
                .servers
                .iter()
                .map(|s| format!("{}{}", s.host.as_deref().unwrap_or("-"), s.base))
                .collect();
            format!("{} {} {}", operation.method, operation.path, servers.join(" "))
        })
        .collect();
    assert_eq!(
        servers,
        ["GET /a eu.example.com:8443/v2 us.example.com:8443/v2", "GET /b b.example.com", "PUT /b -/own"]
    );
    assert!(spec.notes.is_empty(), "{:?}", spec.notes);
}

#[test]
fn security_of_an_operation_stands_in_place_of_that_of_all() {
    let document = with(
        with(
            minimal(
                json!({"/a": {"get": {}, "post": {"security": []}, "put": {"security": [{"none": []}]}}}),
            ),
            "security",
            json!([{"key": []}]),
        ),
        "components",
        json!({"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}}),
    );
    let spec = read(&document).unwrap();
    let words: Vec<Option<&str>> =
        spec.operations.iter().map(|operation| operation.demand.words().map(|words| &**words)).collect();
    assert_eq!(words, [Some("X-Key in header"), Some("an unknown scheme"), None]);
    assert_eq!(spec.notes.len(), 1);
    assert!(spec.notes[0].starts_with("#/paths/~1a/put/security/0: `none` is not among"), "{:?}", spec.notes);
    assert_eq!(spec.keys.into_iter().collect::<Vec<_>>(), [(Location::Header, Arc::from("X-Key"))]);
}

#[test]
fn names_of_parameters_and_bodies_are_read_through_references() {
    let document = with(
        minimal(json!({"/a": {
            "parameters": [{"$ref": "#/components/parameters/page"}],
            "post": {
                "parameters": [
                    {"in": "query", "name": "filter", "style": "deepObject", "schema": {"type": "object"}},
                    {"in": "header", "name": "X-Trace"},
                ],
                "requestBody": {"$ref": "#/components/requestBodies/order"},
            },
        }})),
        "components",
        json!({
            "parameters": {"page": {"in": "query", "name": "page"}},
            "requestBodies": {"order": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/order"}}}}},
            "schemas": {"order": {"type": "object", "properties": {"sku": {"type": "string"}}}},
        }),
    );
    let spec = read(&document).unwrap();
    let operation = &spec.operations[0];
    assert!(["page", "filter[name]", "filter"].iter().all(|name| operation.query.allow(name)));
    assert!(!operation.query.allow("X-Trace") && !operation.query.allow("debug"));
    assert!(operation.body.allow("sku") && !operation.body.allow("role"));
}

#[test]
fn what_is_wrong_is_left_out_with_its_place_and_the_rest_is_read() {
    let spec = read(&minimal(json!({
        "/a": {"$ref": "paths.yaml#/a"}, "b": {"get": {}}, "/c": {"get": 7}, "x-own": {},
        "/d": {"get": {"parameters": [{"$ref": "#/nowhere"}], "requestBody": {"$ref": "https://198.51.100.7/body.json"}}},
    })))
    .unwrap();
    let paths: Vec<&str> = spec.operations.iter().map(|operation| operation.path.as_str()).collect();
    assert_eq!(paths, ["/d"]);
    let places: Vec<&str> = spec.notes.iter().filter_map(|note| note.split(": ").next()).collect();
    assert_eq!(
        places,
        [
            "#/paths/~1a",
            "#/paths/~1c/get",
            "#/paths/~1d/get/parameters/0",
            "#/paths/~1d/get/requestBody",
            "#/paths/b"
        ]
    );
    let operation = &spec.operations[0];
    assert!(
        operation.query.allow("anything") && operation.body.allow("anything"),
        "what cannot be known is allowed"
    );
}

#[test]
fn operations_have_a_limit() {
    let mut paths = Map::new();
    for number in 0..=OPERATIONS_MAX {
        paths.insert(format!("/{number}"), json!({"get": {}}));
    }
    let spec = read(&minimal(Value::Object(paths))).unwrap();
    assert_eq!((spec.operations.len(), spec.notes.len()), (OPERATIONS_MAX, 1));
}
