//! Stories of proofs in the wrong place: in a URL, in plain text, as a password, without a signature.
//! They are given the stage and write attacks and innocents on it.
//! They promise innocents that differ in the one thing that matters.

use super::{About, Stage};
use crate::demo::machines;
use crate::demo::message::{Answer, Content, Form};
use crate::demo::people::{self, App};
use crate::demo::places;
use crate::demo::records::Kind;
use crate::demo::script::{Script, get, json, post};
use crate::demo::site::{API, LEGACY, REPORTS, Visitor, WAREHOUSE};
use crate::demo::tokens::{self, Claims};
use std::net::{IpAddr, Ipv4Addr};

pub(super) fn tell(stage: &mut Stage) {
    key_in_url(stage);
    names_that_look_like_keys(stage);
    plain_text_from_outside(stage);
    basic_auth(stage);
    unsigned_token(stage);
    refused_unsigned_token(stage);
    programs_that_do_it_right(stage);
}

/// A shop's feed reader carries its key in the address, where every log keeps it.
fn key_in_url(stage: &mut Stage) {
    let address = places::of("PL").v4(&mut stage.random);
    let visitor = Visitor::proxied(address, "User-Agent: FeedFetcher/1.2\r\nAccept: */*\r\n");
    let key = tokens::api_key(&mut stage.random);
    let from = stage.clock(9, 0);
    let mut script = stage.script(&visitor, from);
    for _ in 0..6 {
        let answer = script.list(Kind::Orders);
        script.call(get(API, format!("/v1/feeds/orders?format=json&api_key={key}"), ""), answer);
        script.wait_ms(1_700_000, 1_900_000);
    }
    let to = script.now;
    let about = About::client(address).on(API, "/v1/feeds/orders");
    stage.attack("credential_exposure", &[], about, (from, to), "a feed reader carries its key in the URL");
}

/// Parameters whose names or values only look like credentials.
fn names_that_look_like_keys(stage: &mut Stage) {
    let address = places::of("FR").v4(&mut stage.random);
    let visitor = Visitor::proxied(address, "User-Agent: catalogue-widget/3.1\r\nAccept: */*\r\n");
    let from = stage.clock(9, 30);
    let mut script = stage.script(&visitor, from);
    for page in 0..8u64 {
        let answer = script.list(Kind::Products);
        let target = format!(
            "/public/catalogue/items?sort_key=price&key=colour&cursor=eyJvZmZzZXQiOjE{page}MH0&limit=20"
        );
        script.call(get(API, target, ""), answer);
        script.wait_ms(20_000, 90_000);
    }
    let to = script.now;
    let about = About::client(address).on(API, "/public/catalogue/items");
    stage.innocent(
        "credential_exposure",
        about,
        (from, to),
        "sort_key, key=colour and a cursor are no credentials",
    );
}

/// Old hand-held scanners talk to the legacy host over the internet without TLS.
fn plain_text_from_outside(stage: &mut Stage) {
    let place = places::of("US");
    let address = place.v4(&mut stage.random);
    let visitor = Visitor::outside(address, place, "User-Agent: ScanPal/2.0\r\nAccept: application/json\r\n");
    let proof = format!("X-API-Key: {}\r\n", tokens::api_key(&mut stage.random));
    let from = stage.clock(13, 40);
    let mut script = stage.script(&visitor, from);
    for _ in 0..9 {
        let body = format!(r#"{{"barcode":"{}","dock":4}}"#, script.random.digits(13));
        let request = post(LEGACY, "/v1/scans", proof.as_str(), Content::Json(body));
        script.call(request, json(201, r#"{"status":"stored"}"#));
        script.wait_ms(30_000, 200_000);
    }
    let to = script.now;
    let about = About::client(address).on(LEGACY, "/v1/scans");
    stage.attack(
        "credential_exposure",
        &["mixed_authentication"],
        about,
        (from, to),
        "hand-held scanners send their key over the internet without TLS",
    );
    let (from, to) = (stage.clock(0, 0), stage.clock(23, 59));
    let about = About::client(machines::uptime_address());
    stage.innocent(
        "credential_exposure",
        about,
        (from, to),
        "an uptime check in plain text shows no credential",
    );
}

/// The reporting server still takes names and passwords with every call.
fn basic_auth(stage: &mut Stage) {
    let address = IpAddr::V4(Ipv4Addr::new(10, 30, 0, 44));
    let visitor =
        Visitor::internal(address, "User-Agent: Microsoft.Data.Mashup\r\nAccept: application/json\r\n");
    let proof = format!("Authorization: Basic {}\r\n", tokens::basic("bi-reader", "Autumn-2026-figures"));
    let from = stage.clock(5, 0);
    let mut script = stage.script(&visitor, from);
    for report in ["revenue", "returns", "stock-value"] {
        let answer = script.list(Kind::Orders);
        script.call(get(REPORTS, format!("/reports/{report}?format=json"), proof.as_str()), answer);
        script.wait_ms(60_000, 400_000);
    }
    let to = script.now;
    let about = About::account("bi-reader", address).on(REPORTS, "");
    stage.attack("basic_auth_in_use", &[], about, (from, to), "the reporting server takes Basic credentials");
}

/// A token without a signature opens the warehouse's API.
fn unsigned_token(stage: &mut Stage) {
    let address = places::of("VN").v4(&mut stage.random);
    let device = people::device(App::Web, places::of("VN"), &mut stage.random);
    let visitor = Visitor::proxied(address, &device);
    let from = stage.clock(20, 12);
    let mut script = stage.script(&visitor, from);
    let proof = unsigned(&mut script, "warehouse-admin");
    for _ in 0..3 {
        let answer = Answer {
            status: 200,
            body: Content::Page(Kind::Products, 25),
            form: Form::any(script.random),
            ..Answer::default()
        };
        script.call(get(WAREHOUSE, "/v1/stock/levels", proof.as_str()), answer);
        script.wait_ms(3_000, 8_000);
    }
    let to = script.now;
    let about = About::account("warehouse-admin", address).on(WAREHOUSE, "");
    stage.attack(
        "unsigned_jwt",
        &["jwt_claim_tampering", "jwt_algorithm_confusion"],
        about,
        (from, to),
        "the warehouse accepts a token without a signature",
    );
}

/// The main API looks at signatures.
fn refused_unsigned_token(stage: &mut Stage) {
    let address = places::of("RO").v4(&mut stage.random);
    let device = people::device(App::Desktop, places::of("RO"), &mut stage.random);
    let visitor = Visitor::proxied(address, &device);
    let from = stage.clock(21, 3);
    let mut script = stage.script(&visitor, from);
    let proof = unsigned(&mut script, "api-admin");
    for path in ["/v1/customers", "/v1/orders"] {
        let refused = Answer {
            lines: "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n".into(),
            ..json(401, r#"{"error":"invalid_token"}"#)
        };
        script.call(get(API, path, proof.as_str()), refused);
        script.wait_ms(2_000, 5_000);
    }
    let to = script.now;
    let about = About::account("api-admin", address);
    stage.attack(
        "unsigned_jwt",
        &["jwt_claim_tampering", "jwt_algorithm_confusion"],
        about,
        (from, to),
        "the main API refuses a token without a signature",
    );
}

fn unsigned(script: &mut Script<'_>, subject: &str) -> String {
    let claims = Claims {
        subject,
        email: "",
        client_id: "",
        scope: "stock:read stock:write",
        amr: &[],
        issued_at: script.now,
        auth_time: script.now,
        lifetime_s: 3_600,
    };
    format!("Authorization: Bearer {}\r\n", tokens::unsigned_jwt(&claims, script.random))
}

/// Programs of the whole day: a client secret in `Basic` at the token endpoint, and encrypted tokens.
fn programs_that_do_it_right(stage: &mut Stage) {
    let day = (stage.clock(0, 0), stage.clock(23, 59));
    let shipping = About::account(machines::SHIPPING, machines::shipping_address());
    stage.innocent("basic_auth_in_use", shipping, day, "OAuth's client secret travels in Basic by design");
    let warehouse = About::client(machines::warehouse_address());
    stage.innocent("unsigned_jwt", warehouse, day, "an encrypted token has five parts and no signature");
}
