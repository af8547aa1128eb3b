//! TCP as an application on Linux receives it: each hostile input is a small story of segments, and what
//! comes out is what the kernel delivered (RELIABILITY rows 18 to 41).

mod support;

use expect_test::{Expect, expect};
use heelguard::decode::TcpFlags;
use heelguard::flow::Config;
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
fn check_raw(segments: impl IntoIterator<Item = Tcp>, expected: Expect) {
    expected.assert_eq(&Story::default().tell(segments).end());
}

#[test]
fn in_order_bytes_go_straight_through() {
    check(
        [
            client(0, "GET "),
            client(4, "/a"),
            server(0, "200").ack(6),
            client(6, "").fin(),
            server(3, "").fin(),
        ],
        expect![[r#"
            opened Handshake to 8080
            > 'GET /a'
            < '200'
            > fin
            < fin
            closed Fin after 7 ms []
        "#]],
    );
}

#[test]
fn exact_duplicate_out_of_order_first_copy_wins() {
    check(
        [client(3, "good"), client(3, "evil"), client(0, "GET")],
        expect![[r#"
        opened Handshake to 8080
        > 'GETgood'
        closed CaptureEnd after 5 ms ["tcp.overlap_conflict", "tcp.retransmission"]
        tcp.overlap_conflict 1
        tcp.retransmission 1
    "#]],
    );
    check(
        [client(3, "good"), client(3, "good"), client(0, "GET")],
        expect![[r#"
        opened Handshake to 8080
        > 'GETgood'
        closed CaptureEnd after 5 ms ["tcp.retransmission"]
        tcp.retransmission 1
    "#]],
    );
}

#[test]
fn same_start_but_longer_second_copy_wins() {
    check(
        [client(3, "evil"), client(3, "goodness"), client(0, "GET")],
        expect![[r#"
        opened Handshake to 8080
        > 'GETgoodness'
        closed CaptureEnd after 5 ms ["tcp.overlap_conflict", "tcp.retransmission"]
        tcp.overlap_conflict 1
        tcp.retransmission 1
    "#]],
    );
    check(
        [client(3, "good"), client(3, "goodness"), client(0, "GET")],
        expect![[r#"
        opened Handshake to 8080
        > 'GETgoodness'
        closed CaptureEnd after 5 ms ["tcp.retransmission"]
        tcp.retransmission 1
    "#]],
    );
}

#[test]
fn new_covers_old_second_copy_wins() {
    check(
        [client(5, "evil"), client(3, "__good__"), client(0, "GET")],
        expect![[r#"
        opened Handshake to 8080
        > 'GET__good__'
        closed CaptureEnd after 5 ms ["tcp.overlap_conflict", "tcp.retransmission"]
        tcp.overlap_conflict 1
        tcp.retransmission 1
    "#]],
    );
    check(
        [client(5, "ab"), client(9, "cd"), client(3, "12345678X"), client(0, "GET")],
        expect![[r#"
        opened Handshake to 8080
        > 'GET12345678X'
        closed CaptureEnd after 6 ms ["tcp.overlap_conflict", "tcp.retransmission"]
        tcp.overlap_conflict 1
        tcp.retransmission 1
    "#]],
    );
}

#[test]
fn left_overlap_new_wins_and_old_keeps_its_tail() {
    check(
        [client(5, "BBBB"), client(3, "aaaa"), client(0, "GET")],
        expect![[r#"
        opened Handshake to 8080
        > 'GETaaaaBB'
        closed CaptureEnd after 5 ms ["tcp.overlap_conflict", "tcp.retransmission"]
        tcp.overlap_conflict 2
        tcp.retransmission 1
    "#]],
    );
}

#[test]
fn right_overlap_old_wins() {
    check(
        [client(3, "AAAA"), client(5, "bbbb"), client(0, "GET")],
        expect![[r#"
        opened Handshake to 8080
        > 'GETAAAAbb'
        closed CaptureEnd after 5 ms ["tcp.overlap_conflict", "tcp.retransmission"]
        tcp.overlap_conflict 2
        tcp.retransmission 1
    "#]],
    );
}

#[test]
fn adjacent_pieces_count_as_one() {
    check(
        [client(3, "AAAA"), client(7, "BBBB"), client(7, "ccccDD"), client(0, "GET")],
        expect![[r#"
        opened Handshake to 8080
        > 'GETAAAABBBBDD'
        closed CaptureEnd after 6 ms ["tcp.overlap_conflict", "tcp.retransmission"]
        tcp.overlap_conflict 2
        tcp.retransmission 1
    "#]],
    );
}

#[test]
fn filling_the_hole_wins_over_what_waited() {
    check(
        [client(3, "AAAA"), client(0, "GETbb"), client(7, "!")],
        expect![[r#"
        opened Handshake to 8080
        > 'GETbbAA!'
        closed CaptureEnd after 5 ms ["tcp.overlap_conflict", "tcp.retransmission"]
        tcp.overlap_conflict 2
        tcp.retransmission 1
    "#]],
    );
}

#[test]
fn retransmission_with_other_bytes_and_a_tail_gives_only_the_tail() {
    check(
        [client(0, "good"), client(0, "evil tail")],
        expect![[r#"
        opened Handshake to 8080
        > 'good tail'
        closed CaptureEnd after 4 ms ["tcp.overlap_conflict", "tcp.retransmission"]
        tcp.overlap_conflict 1
        tcp.retransmission 1
    "#]],
    );
    check(
        [client(0, "good"), client(0, "good tail")],
        expect![[r#"
        opened Handshake to 8080
        > 'good tail'
        closed CaptureEnd after 4 ms ["tcp.retransmission"]
        tcp.retransmission 1
    "#]],
    );
    check(
        [client(0, "good"), client(0, "evil")],
        expect![[r#"
        opened Handshake to 8080
        > 'good'
        closed CaptureEnd after 4 ms ["tcp.overlap_conflict", "tcp.retransmission"]
        tcp.overlap_conflict 1
        tcp.retransmission 1
    "#]],
    );
}

#[test]
fn a_copy_cut_otherwise_is_doubtful_until_acknowledged() {
    check(
        [client(0, "good"), client(1, "vi")],
        expect![[r#"
        opened Handshake to 8080
        > 'good'
        closed CaptureEnd after 4 ms ["tcp.overlap_conflict", "tcp.retransmission"]
        tcp.overlap_conflict 1
        tcp.retransmission 1
    "#]],
    );
    check(
        [client(0, "good"), server(0, "").ack(4), client(1, "oo")],
        expect![[r#"
        opened Handshake to 8080
        > 'good'
        closed CaptureEnd after 5 ms ["tcp.retransmission"]
        tcp.retransmission 1
    "#]],
    );
}

#[test]
fn span_port_sends_everything_twice() {
    let once =
        [client(0, "GET /"), server(0, "200").ack(5), client(5, "").fin().ack(3), server(3, "").fin().ack(6)];
    let twice: Vec<Tcp> = handshake().into_iter().chain(once).flat_map(|s| [s.clone(), s]).collect();
    check_raw(
        twice,
        expect![[r#"
        opened Handshake to 8080
        > 'GET /'
        < '200'
        > fin
        < fin
        closed Fin after 12 ms ["tcp.retransmission"]
        tcp.retransmission 3
    "#]],
    );
}

#[test]
fn timestamps_older_than_the_newest_are_dropped() {
    let timed = |timestamp: u32| {
        move |mut tcp: Tcp| {
            tcp.options.timestamps = Some((timestamp, 0));
            tcp
        }
    };
    let opening: Vec<Tcp> = handshake().into_iter().map(timed(1000)).collect();
    let evil = timed(500)(client(0, "evil"));
    check_raw(
        opening.iter().cloned().chain([evil, timed(1001)(client(0, "good"))]),
        expect![[r#"
        opened Handshake to 8080
        > 'good'
        closed CaptureEnd after 4 ms ["tcp.paws_drop"]
        tcp.paws_drop 1
    "#]],
    );
    check_raw(
        opening.into_iter().chain([timed(999)(client(0, "good"))]),
        expect![[r#"
        opened Handshake to 8080
        > 'good'
        closed CaptureEnd after 3 ms []
    "#]],
    );
}

#[test]
fn segments_no_host_takes() {
    let mut no_ack_flag = client(0, "evil");
    no_ack_flag.flags = TcpFlags::PSH;
    let mut signed = client(0, "evil");
    signed.options.signed = true;
    check(
        [no_ack_flag, signed, client(0, "evil").ack(10_000_000), client(0, "good")],
        expect![[r#"
        opened Handshake to 8080
        > 'good'
        closed CaptureEnd after 6 ms ["tcp.invalid_segment"]
        tcp.invalid_segment 3
    "#]],
    );
}

#[test]
fn acknowledgement_of_unsent_data_within_the_window_waits_for_proof() {
    check(
        [client(0, "evil").ack(1000), client(0, "good")],
        expect![[r#"
        opened Handshake to 8080
        > 'good'
        closed CaptureEnd after 4 ms ["tcp.invalid_segment", "tcp.overlap_conflict"]
        tcp.invalid_segment 1
        tcp.overlap_conflict 1
    "#]],
    );
    // The server did send those bytes: the capture lost them.
    check(
        [client(0, "good").ack(1000), server(1000, "200").ack(4)],
        expect![[r#"
        opened Handshake to 8080
        > 'good'
        < gap 1000
        < '200'
        closed CaptureEnd after 4 ms ["tcp.gap"]
        tcp.gap 1
    "#]],
    );
}

#[test]
fn data_on_a_syn_counts_only_with_fast_open() {
    let [syn, syn_ack, ack] = handshake();
    let mut loaded = syn;
    loaded.payload = b"evil".to_vec();
    check_raw(
        [loaded.clone(), syn_ack.clone(), ack, client(0, "good")],
        expect![[r#"
        opened Handshake to 8080
        > 'good'
        closed CaptureEnd after 3 ms ["tcp.syn_data"]
        tcp.syn_data 1
    "#]],
    );
    loaded.options.fast_open = true;
    check_raw(
        [loaded.clone(), syn_ack.clone(), client(0, "good")],
        expect![[r#"
        opened Handshake to 8080
        > 'good'
        closed CaptureEnd after 2 ms ["tcp.syn_data"]
        tcp.syn_data 1
    "#]],
    );
    check_raw(
        [loaded, syn_ack.ack(4), client(4, " more").ack(0)],
        expect![[r#"
        opened Handshake to 8080
        > 'evil more'
        closed CaptureEnd after 2 ms ["tcp.syn_data"]
        tcp.syn_data 1
    "#]],
    );
}

#[test]
fn data_left_and_far_right_of_the_window() {
    check(
        [client(-5000, "evil"), client(10_000_000, "evil"), client(0, "good")],
        expect![[r#"
        opened Handshake to 8080
        > 'good'
        closed CaptureEnd after 5 ms ["tcp.out_of_window"]
        tcp.out_of_window 2
    "#]],
    );
}

#[test]
fn resets_count_only_at_the_exact_byte() {
    check(
        [client(0, "one"), client(50, "").rst(), client(3, "two")],
        expect![[r#"
        opened Handshake to 8080
        > 'onetwo'
        closed CaptureEnd after 5 ms ["tcp.bad_rst"]
        tcp.bad_rst 1
    "#]],
    );
    check(
        [client(0, "one"), client(3, "").rst()],
        expect![[r#"
        opened Handshake to 8080
        > 'one'
        closed Reset after 4 ms []
    "#]],
    );
}

#[test]
fn a_syn_inside_the_connection_leaves_it_alone() {
    let [syn, ..] = handshake();
    let mut other = syn;
    other.seq = other.seq.wrapping_add(77_777);
    check(
        [client(0, "one"), other, client(3, "two")],
        expect![[r#"
        opened Handshake to 8080
        > 'onetwo'
        closed CaptureEnd after 5 ms ["tcp.invalid_segment"]
        tcp.invalid_segment 1
    "#]],
    );
}

#[test]
fn the_urgent_byte_is_taken_out() {
    check(
        [client(0, "GET /adXmin").urgent(8)],
        expect![[r#"
        opened Handshake to 8080
        > 'GET /admin'
        closed CaptureEnd after 3 ms ["tcp.urgent"]
        tcp.urgent 1
    "#]],
    );
    check(
        [client(0, "GET /").urgent(9), client(5, "adXmin")],
        expect![[r#"
        opened Handshake to 8080
        > 'GET /adXin'
        closed CaptureEnd after 4 ms ["tcp.urgent"]
        tcp.urgent 1
    "#]],
    );
    check(
        [client(5, "adXmin").urgent(3), client(0, "GET /")],
        expect![[r#"
        opened Handshake to 8080
        > 'GET /admin'
        closed CaptureEnd after 4 ms ["tcp.urgent"]
        tcp.urgent 1
    "#]],
    );
}

#[test]
fn sequence_numbers_wrap() {
    let shift = |mut tcp: Tcp| {
        if tcp.src == CLIENT() {
            tcp.seq = tcp.seq.wrapping_sub(1003)
        } else {
            tcp.ack = tcp.ack.wrapping_sub(1003)
        }
        tcp
    };
    let story = [client(2, "T /"), client(0, "GE"), server(0, "200").ack(5)];
    check_raw(
        handshake().into_iter().chain(story).map(shift),
        expect![[r#"
        opened Handshake to 8080
        > 'GET /'
        < '200'
        closed CaptureEnd after 5 ms []
    "#]],
    );
}

#[test]
fn one_byte_segments_reversed() {
    let text = "GET / HTTP/1.1";
    check(
        (0..text.len()).rev().map(|i| client(i as i64, &text[i..=i])),
        expect![[r#"
        opened Handshake to 8080
        > 'GET / HTTP/1.1'
        closed CaptureEnd after 16 ms []
    "#]],
    );
}

#[test]
fn a_fin_before_the_data_loses_nothing() {
    check(
        [client(4, "done").fin(), client(0, "all "), server(0, "").fin().ack(9)],
        expect![[r#"
        opened Handshake to 8080
        > 'all done'
        > fin
        < fin
        closed Fin after 5 ms []
    "#]],
    );
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
        expect![[r#"
        opened Handshake to 8080
        > 'one'
        < '1'
        > fin
        < fin
        closed Fin after 6 ms []
        [2] opened Handshake to 8080
        [2] > 'two'
        [2] < '2'
        [2] closed CaptureEnd after 4 ms []
    "#]],
    );
    check(
        first.clone().into_iter().chain([client(3, "").rst()]).chain(second.clone()),
        expect![[r#"
        opened Handshake to 8080
        > 'one'
        < '1'
        closed Reset after 5 ms []
        [2] opened Handshake to 8080
        [2] > 'two'
        [2] < '2'
        [2] closed CaptureEnd after 4 ms []
    "#]],
    );
    check(
        first.into_iter().chain(second),
        expect![[r#"
        opened Handshake to 8080
        > 'one'
        < '1'
        closed Reused after 6 ms ["tcp.invalid_segment"]
        [2] opened Handshake to 8080
        [2] > 'two'
        [2] < '2'
        [2] closed CaptureEnd after 4 ms []
        tcp.invalid_segment 2
    "#]],
    );
}

#[test]
fn a_hole_the_receiver_acknowledges_is_a_gap() {
    check(
        [
            client(0, "POST "),
            client(9, "more"),
            server(0, "").ack(13),
            server(0, "200").ack(13),
            client(13, "GET"),
        ],
        expect![[r#"
            opened Handshake to 8080
            > 'POST '
            > gap 4
            > 'more'
            < '200'
            > 'GET'
            closed CaptureEnd after 7 ms ["tcp.gap"]
            tcp.gap 1
        "#]],
    );
}

#[test]
fn a_hole_the_receiver_waits_for_is_none() {
    check(
        [
            client(0, "POST "),
            client(9, "more"),
            server(0, "").ack(5),
            server(0, "").ack(5).later(20),
            client(5, "body"),
            server(0, "200").ack(13),
        ],
        expect![[r#"
            opened Handshake to 8080
            > 'POST bodymore'
            < '200'
            closed CaptureEnd after 20007 ms []
        "#]],
    );
}

#[test]
fn a_hole_nobody_speaks_about_is_given_up_in_time() {
    check_raw(
        [client(0, "one "), client(9, "two"), client(12, "three").later(4)],
        expect![[r#"
        opened Midstream to 8080
        > 'one '
        > gap 5
        > 'twothree'
        closed CaptureEnd after 4001 ms ["tcp.gap", "tcp.midstream"]
        tcp.gap 1
        tcp.midstream 1
    "#]],
    );
}

#[test]
fn bytes_cut_by_the_snap_length_are_missing_at_once() {
    let mut cut = client(0, "GET /");
    cut.missing = 100;
    check(
        [cut, client(105, "next")],
        expect![[r#"
        opened Handshake to 8080
        > 'GET /'
        > gap 100
        > 'next'
        closed CaptureEnd after 4 ms ["capture.truncated"]
        capture.truncated 1
    "#]],
    );
}

#[test]
fn joined_midstream_the_lower_port_serves() {
    check_raw(
        [server(70, "200").ack(30), client(30, "GET").ack(73)],
        expect![[r#"
        opened Midstream to 8080
        < '200'
        > 'GET'
        closed CaptureEnd after 1 ms ["tcp.midstream"]
        tcp.midstream 1
    "#]],
    );
    check_raw([client(0, "").ack(0), client(0, "").fin(), client(0, "").rst()], expect![[r#""#]]);
}

#[test]
fn one_direction_alone_ends_with_its_fin() {
    let [syn, _, ack] = handshake();
    check_raw(
        [syn, ack, client(0, "GET"), client(3, "").fin()],
        expect![[r#"
        opened Handshake to 8080
        > 'GET'
        > fin
        closed Fin after 3 ms []
    "#]],
    );
    let [_, syn_ack, _] = handshake();
    check_raw(
        [syn_ack, server(0, "200"), server(3, "").fin()],
        expect![[r#"
        opened Handshake to 8080
        < '200'
        < fin
        closed Fin after 2 ms []
    "#]],
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
        expect![[r#"
        opened Handshake to 8080
        > 'one'
        closed Reused after 4 ms ["tcp.invalid_segment"]
        [2] opened Handshake to 8080
        [2] > 'two'
        [2] closed CaptureEnd after 2 ms []
        tcp.invalid_segment 1
    "#]],
    );
}

#[test]
fn keep_alive_and_window_probes_change_nothing() {
    let probes = [client(2, "").ack(3), client(2, "X").ack(3), server(2, "").ack(3), server(2, "\0").ack(3)];
    let before = [client(0, "GET"), server(0, "200").ack(3), client(3, "").ack(3)];
    let [client_probe, server_probe] = [client(-1, ""), server(-1, "")];
    check(
        [client_probe, server_probe].into_iter().chain(before).chain(probes),
        expect![[r#"
        opened Handshake to 8080
        > 'GET'
        < '200'
        closed CaptureEnd after 11 ms ["tcp.retransmission"]
        tcp.retransmission 2
    "#]],
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
        expect![[r#"
        opened Handshake to 8080
        > 'GET'
        < '200'
        < fin
        > fin
        closed Fin after 5 ms []
        tcp.out_of_window 1
        tcp.retransmission 2
    "#]],
    );
    check(
        whole.into_iter().chain([client(50, "later").later(11)]),
        expect![[r#"
        opened Handshake to 8080
        > 'GET'
        < '200'
        < fin
        > fin
        closed Fin after 5 ms []
        [2] opened Midstream to 8080
        [2] > 'later'
        [2] closed CaptureEnd after 0 ms ["tcp.midstream"]
        tcp.midstream 1
    "#]],
    );
}

#[test]
fn idle_flows_end_at_last_packet_plus_timeout() {
    let mut story = Story::default();
    story.push(handshake().into_iter().chain([client(0, "GET")]));
    let watermark = story.advance(EventTime::from_secs(1_000_000));
    assert_eq!(watermark, EventTime::from_secs(1_000_000));
    expect![[r#"
        opened Handshake to 8080
        > 'GET'
        closed Idle after 600003 ms []
    "#]]
    .assert_eq(&story.end());
    // The same without a sweep: the next packet finds the flow over.
    check(
        [client(0, "GET"), client(3, "late").later(601)],
        expect![[r#"
        opened Handshake to 8080
        > 'GET'
        closed Idle after 600003 ms []
        [2] opened Midstream to 8080
        [2] > 'late'
        [2] closed CaptureEnd after 0 ms ["tcp.midstream"]
        tcp.midstream 1
    "#]],
    );
}

#[test]
fn vlans_that_differ_by_direction_are_one_flow() {
    let tagged = |mut tcp: Tcp| {
        tcp.vlans = if tcp.src == SERVER() { vec![10, 200] } else { vec![10, 100] };
        tcp
    };
    let story = [client(0, "GET"), server(0, "200").ack(3)];
    check_raw(
        handshake().into_iter().chain(story).map(tagged),
        expect![[r#"
        opened Handshake to 8080
        > 'GET'
        < '200'
        closed CaptureEnd after 4 ms []
    "#]],
    );
}

#[test]
fn a_decoy_with_a_low_ttl_is_signalled() {
    let mut decoy = client(0, "evil");
    decoy.ttl = 3;
    check(
        [decoy, client(0, "good")],
        expect![[r#"
        opened Handshake to 8080
        > 'evil'
        closed CaptureEnd after 4 ms ["ip.ttl_anomaly", "tcp.overlap_conflict", "tcp.retransmission"]
        ip.ttl_anomaly 2
        tcp.overlap_conflict 1
        tcp.retransmission 1
    "#]],
    );
}

#[test]
fn a_full_direction_gives_up_its_hole() {
    let config = Config { direction_segments_max: 3, ..Config::default() };
    let pieces = [10, 20, 30, 40].map(|at| client(at, "x"));
    let told = Story::new(config).tell(handshake().into_iter().chain(pieces));
    expect![[r#"
        opened Handshake to 8080
        > gap 10
        > 'x'
        > gap 9
        > 'x'
        > gap 9
        > 'x'
        > gap 9
        > 'x'
        closed CaptureEnd after 6 ms ["tcp.gap", "tcp.buffer_limit"]
        tcp.gap 4
        tcp.buffer_limit 1
    "#]]
    .assert_eq(&told.end());
}
