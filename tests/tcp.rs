//! TCP as an application on Linux receives it: each hostile input is a small story of segments, and what
//! comes out is what the kernel delivered (RELIABILITY rows 18 to 35).

#[path = "tcp/proof.rs"]
mod proof;
mod support;

use expect_test::{Expect, expect};
use heelguard::decode::TcpFlags;
use proptest::prelude::*;
use support::craft::Tcp;
use support::story::{CLIENT, Story, client, handshake, server};

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
fn in_order_bytes_go_straight_through() {
    check(
        [
            client(0, "GET "),
            client(4, "/a"),
            server(0, "200").ack(6),
            client(6, "").fin(),
            server(3, "").fin(),
        ],
        expect!["> 'GET /a'; < '200'; > fin; < fin; closed Fin after 7 ms"],
    );
}

#[test]
fn exact_duplicate_out_of_order_first_copy_wins() {
    check(
        [client(3, "good"), client(3, "evil"), client(0, "GET")],
        expect!["> 'GETgood'; odd: tcp.overlap_conflict 1, tcp.retransmission 1"],
    );
    check(
        [client(3, "good"), client(3, "good"), client(0, "GET")],
        expect!["> 'GETgood'; odd: tcp.retransmission 1"],
    );
}

#[test]
fn same_start_but_longer_second_copy_wins() {
    check(
        [client(3, "evil"), client(3, "goodness"), client(0, "GET")],
        expect!["> 'GETgoodness'; odd: tcp.overlap_conflict 1, tcp.retransmission 1"],
    );
    check(
        [client(3, "good"), client(3, "goodness"), client(0, "GET")],
        expect!["> 'GETgoodness'; odd: tcp.retransmission 1"],
    );
}

#[test]
fn new_covers_old_second_copy_wins() {
    check(
        [client(5, "evil"), client(3, "__good__"), client(0, "GET")],
        expect!["> 'GET__good__'; odd: tcp.overlap_conflict 1, tcp.retransmission 1"],
    );
    check(
        [client(5, "ab"), client(9, "cd"), client(3, "12345678X"), client(0, "GET")],
        expect!["> 'GET12345678X'; odd: tcp.overlap_conflict 1, tcp.retransmission 1"],
    );
}

#[test]
fn left_overlap_new_wins_and_old_keeps_its_tail() {
    check(
        [client(5, "BBBB"), client(3, "aaaa"), client(0, "GET")],
        expect!["> 'GETaaaaBB'; odd: tcp.overlap_conflict 1"],
    );
}

#[test]
fn right_overlap_old_wins() {
    check(
        [client(3, "AAAA"), client(5, "bbbb"), client(0, "GET")],
        expect!["> 'GETAAAAbb'; odd: tcp.overlap_conflict 1"],
    );
}

#[test]
fn adjacent_pieces_count_as_one() {
    check(
        [client(3, "AAAA"), client(7, "BBBB"), client(7, "ccccDD"), client(0, "GET")],
        expect!["> 'GETAAAABBBBDD'; odd: tcp.overlap_conflict 1"],
    );
}

#[test]
fn filling_the_hole_wins_over_what_waited() {
    check(
        [client(3, "AAAA"), client(0, "GETbb"), client(7, "!")],
        expect!["> 'GETbbAA!'; odd: tcp.overlap_conflict 1"],
    );
}

#[test]
fn retransmission_with_other_bytes_and_a_tail_gives_only_the_tail() {
    check(
        [client(0, "good"), client(0, "evil tail")],
        expect!["> 'good tail'; odd: tcp.overlap_conflict 1, tcp.retransmission 1"],
    );
    check([client(0, "good"), client(0, "good tail")], expect!["> 'good tail'; odd: tcp.retransmission 1"]);
    check(
        [client(0, "good"), client(0, "evil")],
        expect!["> 'good'; odd: tcp.overlap_conflict 1, tcp.retransmission 1"],
    );
}

#[test]
fn a_copy_cut_otherwise_is_doubtful_until_acknowledged() {
    check(
        [client(0, "good"), client(1, "vi")],
        expect!["> 'good'; odd: tcp.overlap_conflict 1, tcp.retransmission 1"],
    );
    check(
        [client(0, "good"), server(0, "").ack(4), client(1, "oo")],
        expect!["> 'good'; odd: tcp.retransmission 1"],
    );
}

#[test]
fn span_port_sends_everything_twice() {
    let once =
        [client(0, "GET /"), server(0, "200").ack(5), client(5, "").fin().ack(3), server(3, "").fin().ack(6)];
    let twice: Vec<Tcp> = handshake().into_iter().chain(once).flat_map(|s| [s.clone(), s]).collect();
    check_raw(
        twice,
        expect!["> 'GET /'; < '200'; > fin; < fin; closed Fin after 12 ms; odd: tcp.retransmission 3"],
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
        expect!["> 'good'; odd: tcp.paws_drop 1"],
    );
    check_raw(opening.into_iter().chain([timed(999)(client(0, "good"))]), expect!["> 'good'"]);
}

#[test]
fn segments_no_host_takes() {
    let mut no_ack_flag = client(0, "evil");
    no_ack_flag.flags = TcpFlags::PSH;
    let mut signed = client(0, "evil");
    signed.options.signed = true;
    check(
        [no_ack_flag, signed, client(0, "evil").ack(10_000_000), client(0, "good")],
        expect!["> 'good'; odd: tcp.invalid_segment 3"],
    );
}

#[test]
fn acknowledgement_of_unsent_data_within_the_window_waits_for_proof() {
    check(
        [client(0, "evil").ack(1000), client(0, "good")],
        expect!["> 'good'; odd: tcp.invalid_segment 1, tcp.overlap_conflict 1"],
    );
    // The server did send those bytes: the capture lost them.
    check(
        [client(0, "good").ack(1000), server(1000, "200").ack(4)],
        expect!["> 'good'; < gap 1000; < '200'; odd: tcp.gap 1"],
    );
}

#[test]
fn data_on_a_syn_counts_only_with_fast_open() {
    let [syn, syn_ack, ack] = handshake();
    let mut loaded = syn;
    loaded.payload = b"evil".to_vec();
    check_raw(
        [loaded.clone(), syn_ack.clone(), ack, client(0, "good")],
        expect!["> 'good'; odd: tcp.syn_data 1"],
    );
    loaded.options.fast_open = true;
    check_raw([loaded.clone(), syn_ack.clone(), client(0, "good")], expect!["> 'good'; odd: tcp.syn_data 1"]);
    check_raw(
        [loaded, syn_ack.ack(4), client(4, " more").ack(0)],
        expect!["> 'evil more'; odd: tcp.syn_data 1"],
    );
}

/// A SYN that carries a request.
fn loaded_syn() -> Tcp {
    let [mut syn, ..] = handshake();
    syn.payload = b"GET /".to_vec();
    syn
}

#[test]
fn a_capture_of_one_side_that_is_a_request_on_a_syn() {
    check_raw([loaded_syn()], expect!["> 'GET /'; odd: tcp.syn_data 1"]);
    check_raw(
        [loaded_syn(), client(0, "").ack(0).later(31)],
        expect!["> 'GET /'; closed Idle after 30000 ms; odd: tcp.syn_data 1"],
    );
    let mut again = loaded_syn();
    again.seq = again.seq.wrapping_add(70_000);
    check_raw(
        [loaded_syn(), again],
        expect![
            "> 'GET /'; closed Reused after 1 ms; [2] opened Handshake to 8080; [2] > 'GET /'; odd: tcp.syn_data 2"
        ],
    );
}

#[test]
fn a_syn_whose_data_the_server_acknowledges_was_taken_with_it() {
    let [_, syn_ack, _] = handshake();
    let rest = [client(5, " HTTP/1.1"), server(0, "200").ack(14), client(14, "").ack(3)];
    for syns in [vec![loaded_syn(), syn_ack.ack(5)], vec![loaded_syn()]] {
        check_raw(
            syns.into_iter().chain(rest.clone()),
            expect!["> 'GET / HTTP/1.1'; < '200'; odd: tcp.syn_data 1"],
        );
    }
    check_raw(
        [loaded_syn(), server(0, "200").ack(5), client(5, "").ack(3)],
        expect!["> 'GET /'; < '200'; odd: tcp.syn_data 1"],
    );
}

#[test]
fn a_syn_whose_data_the_peer_contradicts_carried_nothing() {
    let [_, syn_ack, ack] = handshake();
    check_raw([loaded_syn(), syn_ack], expect!["odd: tcp.syn_data 1"]);
    check_raw([loaded_syn(), ack, client(0, "good")], expect!["> 'good'; odd: tcp.syn_data 1"]);
    check_raw(
        [loaded_syn(), server(0, "200").ack(0), client(0, "").ack(3)],
        expect!["< '200'; odd: tcp.syn_data 1"],
    );
    let mut refusal = server(-1, "").rst();
    refusal.ack = loaded_syn().seq.wrapping_add(1);
    check_raw([loaded_syn(), refusal], expect!["odd: tcp.syn_data 1"]);
    // Inside a living connection the host challenges it.
    let mut stray = loaded_syn();
    stray.seq = stray.seq.wrapping_add(70_000);
    check([client(0, "one"), stray, client(3, "two")], expect!["> 'onetwo'; odd: tcp.invalid_segment 1"]);
}

#[test]
fn data_left_and_far_right_of_the_window() {
    check(
        [client(-5000, "evil"), client(10_000_000, "evil"), client(0, "good")],
        expect!["> 'good'; odd: tcp.out_of_window 2"],
    );
}

#[test]
fn resets_count_only_at_the_exact_byte() {
    check(
        [client(0, "one"), client(50, "").rst(), client(3, "two")],
        expect!["> 'onetwo'; odd: tcp.bad_rst 1"],
    );
    check([client(0, "one"), client(3, "").rst()], expect!["> 'one'; closed Reset after 4 ms"]);
}

#[test]
fn a_syn_inside_the_connection_leaves_it_alone() {
    let [syn, ..] = handshake();
    let mut other = syn;
    other.seq = other.seq.wrapping_add(77_777);
    check([client(0, "one"), other, client(3, "two")], expect!["> 'onetwo'; odd: tcp.invalid_segment 1"]);
}

#[test]
fn a_decoy_syn_does_not_move_the_stream() {
    let [syn, syn_ack, ack] = handshake();
    let mut decoy = syn.clone();
    decoy.seq = decoy.seq.wrapping_add(77_777);
    let rest = [syn_ack.clone(), ack.clone(), client(0, "good")];
    check_raw(
        [syn.clone(), decoy.clone()].into_iter().chain(rest),
        expect!["> 'good'; odd: tcp.invalid_segment 1"],
    );
    check_raw([syn, syn_ack, decoy, ack, client(0, "good")], expect!["> 'good'; odd: tcp.invalid_segment 1"]);
}

#[test]
fn the_urgent_byte_is_taken_out() {
    check([client(0, "GET /adXmin").urgent(8)], expect!["> 'GET /admin'; odd: tcp.urgent 1"]);
    check([client(0, "GET /").urgent(8), client(5, "adXmin")], expect!["> 'GET /admin'; odd: tcp.urgent 1"]);
    check([client(5, "adXmin").urgent(3), client(0, "GET /")], expect!["> 'GET /admin'; odd: tcp.urgent 1"]);
    // A segment without data may point as well.
    check([client(0, "").urgent(8), client(0, "GET /adXmin")], expect!["> 'GET /admin'; odd: tcp.urgent 1"]);
}

#[test]
fn sequence_numbers_wrap() {
    let shift = |mut tcp: Tcp| {
        if tcp.src == CLIENT() {
            tcp.seq = tcp.seq.wrapping_sub(1003);
        } else {
            tcp.ack = tcp.ack.wrapping_sub(1003);
        }
        tcp
    };
    let story = [client(2, "T /"), client(0, "GE"), server(0, "200").ack(5)];
    check_raw(handshake().into_iter().chain(story).map(shift), expect!["> 'GET /'; < '200'"]);
}

#[test]
fn one_byte_segments_reversed() {
    let text = "GET / HTTP/1.1";
    check((0..14u8).rev().map(|i| client(i.into(), &text[i.into()..][..1])), expect!["> 'GET / HTTP/1.1'"]);
}

#[test]
fn a_fin_before_the_data_loses_nothing() {
    check(
        [client(4, "done").fin(), client(0, "all "), server(0, "").fin().ack(9)],
        expect!["> 'all done'; > fin; < fin; closed Fin after 5 ms"],
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
        expect!["> 'POST '; > gap 4; > 'more'; < '200'; > 'GET'; odd: tcp.gap 1"],
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
        expect!["> 'POST bodymore'; < '200'"],
    );
}

#[test]
fn a_hole_nobody_speaks_about_is_given_up_in_time() {
    check_raw(
        [client(0, "one "), client(9, "two"), client(12, "three").later(4)],
        expect!["opened Midstream to 8080; > 'one '; > gap 5; > 'twothree'; odd: tcp.gap 1, tcp.midstream 1"],
    );
}

#[test]
fn bytes_cut_by_the_snap_length_are_missing_at_once() {
    let mut cut = client(0, "GET /");
    cut.missing = 100;
    check([cut, client(105, "next")], expect!["> 'GET /'; > gap 100; > 'next'"]);
}

#[test]
fn keep_alive_and_window_probes_change_nothing() {
    let probes = [client(2, "").ack(3), client(2, "X").ack(3), server(2, "").ack(3), server(2, "\0").ack(3)];
    let before = [client(0, "GET"), server(0, "200").ack(3), client(3, "").ack(3)];
    let [client_probe, server_probe] = [client(-1, ""), server(-1, "")];
    check(
        [client_probe, server_probe].into_iter().chain(before).chain(probes),
        expect!["> 'GET'; < '200'; odd: tcp.retransmission 2"],
    );
}

#[test]
fn a_decoy_with_a_low_ttl_is_signalled() {
    let mut decoy = client(0, "evil");
    decoy.ttl = 3;
    check(
        [decoy, client(0, "good")],
        expect!["> 'evil'; odd: ip.ttl_anomaly 2, tcp.overlap_conflict 1, tcp.retransmission 1"],
    );
}

#[test]
fn equal_bytes_that_overlap_are_no_conflict() {
    check(
        [client(3, "abcdef"), client(6, "defghi"), client(0, "GETa"), client(0, "GETa")],
        expect!["> 'GETabcdefghi'; odd: tcp.retransmission 1"],
    );
}

#[test]
fn data_behind_a_fin_is_dropped() {
    check(
        [client(8, "evil"), client(4, "evil"), client(0, "all!").fin(), client(5, "evil")],
        expect!["> 'all!'; > fin; odd: tcp.invalid_segment 2, tcp.overlap_conflict 1"],
    );
}

proptest! {
    #[test]
    fn any_cut_order_and_repetition_of_the_same_bytes_is_the_same_stream(
        cuts in prop::collection::vec((0..200u8, 1..60usize), 0..40),
        order in any::<prop::sample::Index>(),
    ) {
        let text: String = (0..200u8).map(|n| char::from(b'!' + n % 90)).collect();
        let mut segments: Vec<Tcp> = (0..200u8).step_by(10).map(|at| client(at.into(), &text[at.into()..][..10])).collect();
        for (place, &(from, len)) in cuts.iter().enumerate() {
            let piece = client(from.into(), &text[from.into()..text.len().min(usize::from(from) + len)]);
            segments.insert((place * 7 + usize::from(from)) % segments.len(), piece);
        }
        segments.rotate_left(order.index(20));
        let told = Story::default().tell(handshake().into_iter().chain(segments)).end();
        prop_assert!(told.contains(&format!("> '{}'", text.as_bytes().escape_ascii())), "{}", told);
        prop_assert!(!told.contains("gap"), "{}", told);
    }
}
