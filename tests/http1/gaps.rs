//! Lost bytes: what is certain goes on, what is a guess says so, and a body never becomes a request.

use crate::harness::{Wire, show};
use expect_test::expect;
use heelguard::flow::CloseReason;
use heelguard_detectors::anomaly::Anomaly;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const FAKE: &str = "GET /fake HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer fake\r\n\r\n";

#[test]
fn fake_requests_around_a_gap_in_a_body_of_known_length() {
    let mut wire = Wire::new();
    let length = FAKE.len() * 2 + 100;
    wire.client(format!("POST /upload HTTP/1.1\r\nContent-Length: {length}\r\n\r\n")).client(FAKE);
    wire.client_gap(100).client(FAKE).server(OK).client("GET /next HTTP/1.1\r\n\r\n").server(OK);
    expect![[r#"
        #0 POST /upload(218?) -> 200(2) gap [tcp.gap]
        #1 GET /next -> 200(2) whole
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn a_gap_that_ends_with_the_body_is_known_to() {
    let mut wire = Wire::new();
    wire.client("POST /upload HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234").client_gap(5);
    wire.server(OK).client("GET /next HTTP/1.1\r\n\r\n").server(OK);
    expect![[r#"
        #0 POST /upload(10?) -> 200(2) gap [tcp.gap]
        #1 GET /next -> 200(2) whole
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn fake_requests_after_a_gap_of_unknown_place_wait_for_a_boundary() {
    let mut wire = Wire::new();
    wire.client("POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab").client_gap(5_000);
    wire.client(FAKE).client("0\r\n\r\n").server(OK);
    wire.client("GET /real HTTP/1.1\r\n\r\n").server(OK).client("GET /later HTTP/1.1\r\n\r\n").server(OK);
    wire.client("GET /trusted HTTP/1.1\r\n\r\n").server(OK);
    expect![[r#"
        #0 POST /upload(2?) -> 200(2) gap [tcp.gap]
        #1 GET /real -> 200(2) whole [http1.resync]
        #2 GET /later -> 200(2) whole
        #3 GET /trusted -> 200(2) whole
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn a_gap_in_a_head_leaves_no_part_of_a_credential() {
    let mut wire = Wire::new();
    wire.client("GET /a HTTP/1.1\r\nAuthorization: Bearer hal")
        .client_gap(30)
        .client("f-of-it\r\nHost: x\r\n\r\n")
        .server(OK);
    wire.client("GET /b HTTP/1.1\r\n\r\n").server(OK).client("GET /c HTTP/1.1\r\n\r\n").server(OK);
    expect![[r#"
        #0 - -> 200(2) response_only [tcp.gap http1.unpaired_response]
        #1 GET /b -> 200(2) gap [http1.resync]
        #2 GET /c -> 200(2) whole
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn a_request_lost_whole_costs_one_pair() {
    let mut wire = Wire::new();
    wire.client("GET /a HTTP/1.1\r\n\r\n")
        .server(OK)
        .server("HTTP/1.1 404 Lost\r\nContent-Length: 0\r\n\r\n");
    wire.client_gap(40)
        .client("GET /b HTTP/1.1\r\n\r\n")
        .server(OK)
        .client("GET /c HTTP/1.1\r\n\r\n")
        .server(OK);
    expect![[r#"
        #0 GET /a -> 200(2) whole
        #1 - -> 404 response_only [http1.unpaired_response]
        #2 GET /b -> 200(2) gap [tcp.gap http1.resync]
        #3 GET /c -> 200(2) whole
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn an_answer_lost_whole_goes_to_nobody_else() {
    let mut wire = Wire::new();
    wire.client("GET /a HTTP/1.1\r\n\r\n").server_gap(400).client("GET /b HTTP/1.1\r\n\r\n");
    wire.server("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n").client("GET /c HTTP/1.1\r\n\r\n").server(OK);
    expect![[r#"
        #0 GET /a -> - gap [tcp.gap]
        #1 GET /b -> 403 whole [http1.resync]
        #2 GET /c -> 200(2) whole
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn an_answer_cut_by_a_gap_ends_there() {
    let mut wire = Wire::new();
    wire.client("GET /a HTTP/1.1\r\n\r\n")
        .server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
        .server_gap(1_000);
    // Inside a body, with no request waiting: not an answer.
    wire.server("HTTP/1.1 500 Fake\r\nContent-Length: 0\r\n\r\n");
    wire.client("GET /b HTTP/1.1\r\n\r\n").server(OK);
    expect![[r#"
        #0 GET /a -> 200(2?) gap [tcp.gap]
        #1 GET /b -> 200(2) whole [http1.resync]
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn pipelined_requests_around_a_lost_answer_are_guesses() {
    let mut wire = Wire::new();
    wire.client("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n")
        .server_gap(39)
        .server(OK)
        .server(OK);
    expect![[r#"
        #0 GET /a -> - gap [tcp.gap]
        #1 GET /b -> 200(2) gap [http1.resync]
        #2 GET /c -> 200(2) gap
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn a_snap_length_is_told_from_loss() {
    let mut wire = Wire::new();
    wire.client("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n01");
    wire.flow.anomalies.insert(Anomaly::CaptureTruncated);
    wire.client_gap(8).server(OK);
    expect![[r#"
        #0 POST /(10?) -> 200(2) truncated [capture.truncated tcp.gap]
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn the_end_of_the_capture_inside_a_message_is_told() {
    let partly = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    for (reason, expected) in [
        (CloseReason::CaptureEnd, "#0 GET / -> 200(4?) truncated\n"),
        (CloseReason::Idle, "#0 GET / -> 200(4?) truncated\n"),
        // The server gave up: all that there was has been seen.
        (CloseReason::Reset, "#0 GET / -> 200(4?) whole\n"),
    ] {
        let mut wire = Wire::new();
        wire.client("GET / HTTP/1.1\r\n\r\n").server(partly);
        assert_eq!(show(&wire.end(reason)), expected);
    }
    let mut wire = Wire::new();
    wire.client("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(show(&wire.end(CloseReason::CaptureEnd)), "#0 GET / -> - request_only\n");
}

#[test]
fn a_flow_joined_inside_a_body_begins_at_its_next_message() {
    let mut wire = Wire::midstream();
    wire.server("the rest of a body").server("and more").client("GET /a HTTP/1.1\r\n\r\n").server(OK);
    wire.client("GET /b HTTP/1.1\r\n\r\n").server(OK);
    expect![[r#"
        #0 GET /a -> 200(2) whole
        #1 GET /b -> 200(2) whole
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn one_direction_alone_is_read() {
    let mut wire = Wire::new();
    wire.client("GET /a HTTP/1.1\r\n\r\n")
        .client("POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
        .client("GET /c HTTP/1.1\r\n\r\n");
    expect![[r#"
        #0 GET /a -> - request_only
        #1 POST /b(3) -> - request_only
        #2 GET /c -> - request_only
    "#]]
    .assert_eq(&wire.lines());
    let mut wire = Wire::midstream();
    wire.server(OK).server("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    expect![[r#"
        #0 - -> 200(2) response_only [http1.unpaired_response]
        #1 - -> 404 response_only [http1.unpaired_response]
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn a_gap_past_the_end_of_a_body_does_not_silence_one_direction() {
    let mut wire = Wire::new();
    wire.client("POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\n01")
        .client_gap(500)
        .client("GET /b HTTP/1.1\r\n\r\n");
    expect![[r#"
        #0 POST /a(2?) -> - gap [tcp.gap]
        #1 GET /b -> - request_only [http1.resync]
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn a_joined_flow_whose_first_answer_is_lost_gives_it_to_nobody_else() {
    let mut wire = Wire::midstream();
    wire.client("GET /a HTTP/1.1\r\n\r\n").server_gap(1_460).server("the rest of the page");
    wire.client("GET /b HTTP/1.1\r\n\r\n").server("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n");
    expect![[r#"
        #0 GET /a -> - gap [tcp.gap]
        #1 GET /b -> 302 whole [http1.resync]
    "#]]
    .assert_eq(&wire.lines());
}
