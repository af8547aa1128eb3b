//! How flows begin, end and give way: reuse, midstream, one-way captures, idleness, floods and limits.
//! Each is a small story of segments; what is expected is what the flow's handler is told.

mod support;

use expect_test::{Expect, expect};
use heelguard::flow::Config;
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use support::craft::Tcp;
use support::story::{CLIENT, SERVER, Story, client, handshake, server};

/// Tells the segments to a flow table after a handshake; the application's view is what is expected.
#[track_caller]
fn check(segments: impl IntoIterator<Item = Tcp>, expected: Expect) {
    check_raw(handshake().into_iter().chain(segments), expected);
}

/// The same without a handshake before it.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "an expectation is written in place")]
fn check_raw(segments: impl IntoIterator<Item = Tcp>, expected: Expect) {
    expected.assert_eq(&Story::default().tell(segments).end());
}

#[test]
fn endpoints_reused_with_a_lower_isn() {
    let again = |mut tcp: Tcp| {
        if tcp.src == CLIENT() {
            tcp.seq = tcp.seq.wrapping_sub(900);
            tcp.ack = tcp.ack.wrapping_add(40_000);
        } else {
            tcp.seq = tcp.seq.wrapping_add(40_000);
            tcp.ack = tcp.ack.wrapping_sub(900);
        }
        tcp
    };
    let first = [client(0, "one"), server(0, "1").ack(3)];
    let ended = [client(3, "").fin().ack(1), server(1, "").fin().ack(4), client(4, "").ack(2)];
    let second: Vec<Tcp> =
        handshake().into_iter().chain([client(0, "two"), server(0, "2").ack(3)]).map(again).collect();
    check(
        first.clone().into_iter().chain(ended).chain(second.clone()),
        expect![
            "> 'one'; < '1'; > fin; < fin; closed Fin after 6 ms; [2] opened Handshake to 8080; [2] > 'two'; [2] < '2'"
        ],
    );
    check(
        first.clone().into_iter().chain([client(3, "").rst()]).chain(second.clone()),
        expect![
            "> 'one'; < '1'; closed Reset after 5 ms; [2] opened Handshake to 8080; [2] > 'two'; [2] < '2'"
        ],
    );
    check(
        first.into_iter().chain(second),
        expect![
            "> 'one'; < '1'; closed Reused after 6 ms; [2] opened Handshake to 8080; [2] > 'two'; [2] < '2'; odd: tcp.invalid_segment 1"
        ],
    );
}

#[test]
fn joined_midstream_the_lower_port_serves() {
    check_raw(
        [server(70, "200").ack(30), client(30, "GET").ack(73)],
        expect!["opened Midstream to 8080; < '200'; > 'GET'; odd: tcp.midstream 1"],
    );
    check_raw([client(0, "").ack(0), client(0, "").fin(), client(0, "").rst()], expect![""]);
}

#[test]
fn one_direction_alone_ends_with_its_fin() {
    let [syn, _, ack] = handshake();
    check_raw(
        [syn, ack, client(0, "GET"), client(3, "").fin()],
        expect!["> 'GET'; > fin; closed Fin after 3 ms"],
    );
    let [_, syn_ack, _] = handshake();
    check_raw(
        [syn_ack, server(0, "200"), server(3, "").fin()],
        expect!["< '200'; < fin; closed Fin after 2 ms"],
    );
}

#[test]
fn one_direction_alone_reuses_its_endpoints() {
    let [syn, _, ack] = handshake();
    let again = |mut tcp: Tcp| {
        tcp.seq = tcp.seq.wrapping_add(1_000_000);
        tcp
    };
    let first = [syn, ack, client(0, "one")];
    let [syn, _, ack] = handshake();
    let second = [again(syn), again(ack), again(client(0, "two"))];
    check_raw(
        first.into_iter().chain(second),
        expect![
            "> 'one'; closed Reused after 4 ms; [2] opened Handshake to 8080; [2] > 'two'; odd: tcp.invalid_segment 1"
        ],
    );
}

#[test]
fn segments_of_an_ended_flow_open_no_phantom() {
    let whole =
        [client(0, "GET"), server(0, "200").ack(3).fin(), client(3, "").ack(4).fin(), server(4, "").ack(4)];
    let late =
        [server(0, "200").ack(3).fin(), client(0, "GET"), client(3, "").ack(4).fin(), client(9, "evil")];
    check(
        whole.clone().into_iter().chain(late),
        expect![
            "> 'GET'; < '200'; < fin; > fin; closed Fin after 5 ms; odd: tcp.out_of_window 1, tcp.retransmission 2"
        ],
    );
    check(
        whole.into_iter().chain([client(50, "later").later(11)]),
        expect![
            "> 'GET'; < '200'; < fin; > fin; closed Fin after 5 ms; [2] opened Midstream to 8080; [2] > 'later'; odd: tcp.midstream 1"
        ],
    );
}

#[test]
fn idle_flows_end_at_last_packet_plus_timeout() {
    let mut story = Story::default();
    story.push(handshake().into_iter().chain([client(0, "GET")]));
    let watermark = story.advance(EventTime::from_secs(1_000_000));
    assert_eq!(watermark, EventTime::from_secs(1_000_000));
    expect!["> 'GET'; closed Idle after 600003 ms"].assert_eq(&story.end());
    // The same without a sweep: the next packet finds the flow over.
    check(
        [client(0, "GET"), client(3, "late").later(601)],
        expect![
            "> 'GET'; closed Idle after 600003 ms; [2] opened Midstream to 8080; [2] > 'late'; odd: tcp.midstream 1"
        ],
    );
}

#[test]
fn vlans_that_differ_by_direction_are_one_flow() {
    let tagged = |mut tcp: Tcp| {
        tcp.vlans = if tcp.src == SERVER() { vec![10, 200] } else { vec![10, 100] };
        tcp
    };
    let story = [client(0, "GET"), server(0, "200").ack(3)];
    check_raw(handshake().into_iter().chain(story).map(tagged), expect!["> 'GET'; < '200'"]);
}

#[test]
fn a_full_direction_gives_up_its_hole() {
    let config = Config { direction_segments_max: 3, ..Config::default() };
    let pieces = [10, 20, 30, 40].map(|at| client(at, "x"));
    let told = Story::new(config).tell(handshake().into_iter().chain(pieces));
    expect![
        "> gap 10; > 'x'; > gap 9; > 'x'; > gap 9; > 'x'; > gap 9; > 'x'; odd: tcp.gap 4, tcp.buffer_limit 1"
    ]
    .assert_eq(&told.end());
}

/// The same story between the server and one of many clients.
fn from_client(number: u32, mut tcp: Tcp) -> Tcp {
    let mut client = CLIENT();
    client.ip = std::net::Ipv4Addr::from(0xc633_0000 | (number >> 12)).into();
    client.port = 10_000 + (number & 0xfff) as u16;
    let end = if tcp.src == CLIENT() { &mut tcp.src } else { &mut tcp.dst };
    *end = client;
    tcp
}

#[test]
fn a_syn_flood_costs_no_established_flow() {
    let config = Config { half_open_max: 1_000, flows_max: 100, ..Config::default() };
    let mut story = Story::new(config);
    story.push(handshake().into_iter().chain([client(0, "GET ")]));
    for number in 1..50_000 {
        let [syn, syn_ack, _] = handshake();
        story.push([from_client(number, syn), from_client(number, syn_ack)]);
    }
    assert_eq!(story.counters().flows.opened, 1);
    story.push([client(4, "/ok")]);
    expect!["> 'GET /ok'"].assert_eq(&story.end());
}

#[test]
fn a_flood_of_data_on_syns_stays_within_its_part_of_the_memory() {
    let mut story = Story::new(Config { buffer_bytes_max: 1 << 20, ..Config::default() });
    let [mut loaded, ..] = handshake();
    loaded.payload = vec![b'x'; 1 << 10];
    story.push((0..100).map(|number| from_client(number, loaded.clone())));
    assert_eq!(story.counters().anomalies.get(Anomaly::TcpBufferLimit), 36);
    story.advance(EventTime::from_secs(2_000));
    let (flows, bytes) = (story.counters().flows.clone(), story.counters().bytes.clone());
    assert_eq!((flows.opened, flows.closed, bytes.delivered), (64, 64, 1 << 16));
    // Now there is room again.
    story.push([from_client(200, loaded)]);
    assert_eq!(story.counters().anomalies.get(Anomaly::TcpBufferLimit), 36);
    story.end();
}

#[test]
fn at_the_flow_limit_the_unused_gives_way() {
    let mut story = Story::new(Config { flows_max: 50, ..Config::default() });
    story.push(handshake().into_iter().chain([client(0, "a"), client(1, "b")]));
    for number in 1..500 {
        story.push(handshake().map(|tcp| from_client(number, tcp)));
        story.push([client(2 + i64::from(number), "c")]);
    }
    let flows = story.counters().flows.clone();
    assert_eq!((flows.opened, flows.evicted, flows.open), (500, 450, 50));
    story.push([client(502, "!"), server(0, "200").ack(503)]);
    let told = story.end();
    assert!(!told.contains("Midstream"), "the busy flow lived on");
}

#[test]
fn at_the_limit_of_connections_bytes_the_unused_gives_way() {
    let mut story = Story::new(Config { connection_bytes_max: 64 << 10, ..Config::default() });
    story.push(handshake().into_iter().chain([client(0, "a"), client(1, "b")]));
    for number in 1..500 {
        story.push(handshake().map(|tcp| from_client(number, tcp)));
        story.push([client(2 + i64::from(number), "c")]);
    }
    let flows = story.counters().flows.clone();
    assert_eq!((flows.opened, flows.evicted + flows.open), (500, 500));
    assert!((50..=150).contains(&flows.open), "{}", flows.open);
    assert!(!story.end().contains("Midstream"), "the busy flow lived on");
}

#[test]
fn pinned_holes_stay_within_the_memory_limit() {
    let mut story = Story::new(Config { buffer_bytes_max: 1 << 20, ..Config::default() });
    let body = "x".repeat(1400);
    for number in 1..5_000 {
        let pinned = [client(1, &body)];
        story.push(handshake().into_iter().chain(pinned).map(|tcp| from_client(number, tcp)));
        assert!(story.counters().bytes.buffered <= 1 << 20);
    }
    assert!(story.counters().anomalies.get(Anomaly::TcpBufferLimit) > 4_000);
    assert!(story.counters().bytes.buffered > 1 << 19, "and the limit is used");
    story.end();
}

/// A story without durations, and with one line for bytes that belong together.
fn timeless(story: &str) -> String {
    let lines: Vec<_> = story.lines().map(|line| line.split(" after ").next().unwrap_or(line)).collect();
    lines.join("\n").replace("'\n> '", "").replace("'\n< '", "")
}

#[test]
fn flows_are_told_alike_however_they_are_spread_over_tables() {
    let flow = |number: u32| -> Vec<Tcp> {
        let lost = i64::from(number % 3);
        let story =
            [client(0, "GET"), client(3 + lost, "tail"), server(0, "200").ack(7), server(3, "").ack(7)];
        let ended = [client(7 + lost, "").fin().later(u64::from(number % 5)), server(3, "").fin().ack(12)];
        handshake().into_iter().chain(story).chain(ended).map(|tcp| from_client(number, tcp)).collect()
    };
    let alone = |number: u32| -> String {
        let mut story = Story::default();
        story.push(flow(number));
        story.told.text
    };
    let mut together = Story::default();
    let flows: Vec<Vec<Tcp>> = (1..40).map(flow).collect();
    // Interleaved, each flow keeping its own pauses apart from the clock's common ticks.
    for step in 0..flows[0].len() {
        together.push(flows.iter().map(|flow| flow[step].clone()));
    }
    let told = together.told.text;
    for number in 1..40 {
        let prefix = if number == 1 { String::new() } else { format!("[{number}] ") };
        let own = told.lines().filter_map(|line| line.strip_prefix(&prefix)).filter(|l| !l.starts_with('['));
        let own = timeless(&own.collect::<Vec<_>>().join("\n"));
        let expected = timeless(alone(number).trim_end());
        let expected = if number == 1 { expected } else { format!("opened Handshake to 8080\n{expected}") };
        assert_eq!(own, expected, "flow {number}");
    }
}

#[test]
fn fast_and_slow_sweeps_tell_the_same() {
    let story = || {
        let pause = client(3, "late").later(700);
        handshake().into_iter().chain([client(0, "GET"), client(9, "x"), pause]).collect::<Vec<_>>()
    };
    let swept = Story::default().swept_every(std::time::Duration::from_millis(7)).tell(story()).end();
    assert_eq!(swept, Story::default().tell(story()).end());
}
