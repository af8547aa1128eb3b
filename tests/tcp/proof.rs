//! Segments that hosts differ about, or that one sent which is not the host it seems to be: they wait until the receiver
//! says whether it has them.

use super::support::craft::Tcp;
use super::support::story::{Story, client, handshake, server};
use super::{check, check_raw};
use expect_test::expect;
use heelguard::decode::TcpFlags;

#[test]
fn acknowledgements_of_long_ago_wait_for_the_receivers_word() {
    // Before the first byte, and further back than the widest window: most hosts drop such a segment.
    let opening = [server(0, "200"), client(0, "").ack(3)];
    for back in [-1, -70_000] {
        let story = opening.iter().cloned().chain([client(0, "evil").ack(back), client(0, "good").ack(3)]);
        check(story, expect!["< '200'; > 'good'; odd: tcp.invalid_segment 1, tcp.overlap_conflict 1"]);
        let story = opening.iter().cloned().chain([client(0, "odd").ack(back), server(3, "").ack(3)]);
        check(story, expect!["< '200'; > 'odd'"]);
    }
    let story = opening.into_iter().chain([client(0, "good").ack(1)]);
    check(story, expect!["< '200'; > 'good'"]);
}

#[test]
fn a_segment_that_no_host_takes_teaches_no_timestamp() {
    let timed = |timestamp: u32, mut tcp: Tcp| {
        tcp.options.timestamps = Some((timestamp, 0));
        tcp
    };
    let opening = || handshake().into_iter().map(|tcp| timed(1000, tcp));
    let taken = [timed(1001, client(0, "one")), timed(1001, server(0, "").ack(3))];
    // A keep-alive probe, and a repetition of what was acknowledged.
    for poison in [timed(900_000, client(2, "")), timed(900_000, client(0, "on"))] {
        let story = opening().chain(taken.clone()).chain([poison, timed(1002, client(3, "two"))]);
        let told = Story::default().tell(story).end();
        assert!(told.starts_with("> 'onetwo'"), "{told}");
    }
    // At the next byte it counts, and what is older is dropped.
    let poison = timed(900_000, client(3, ""));
    let story = opening().chain(taken).chain([poison, timed(1002, client(3, "two"))]);
    check_raw(story, expect!["> 'one'; odd: tcp.paws_drop 1"]);
}

#[test]
fn a_timestamp_of_zero_is_none() {
    let timed = |timestamp: u32, mut tcp: Tcp| {
        tcp.options.timestamps = Some((timestamp, 0));
        tcp
    };
    let opening = handshake().into_iter().map(|tcp| timed(0, tcp));
    check_raw(opening.chain([timed(0x9000_0000, client(0, "good"))]), expect!["> 'good'"]);
}

#[test]
fn data_beyond_the_window_waits_for_the_receivers_word() {
    let narrow = |mut tcp: Tcp| {
        tcp.window = 8;
        tcp
    };
    let [syn, syn_ack, ack] = handshake();
    let opening = [syn, narrow(syn_ack), ack];
    let told = |segments: Vec<Tcp>| Story::default().tell(opening.iter().cloned().chain(segments)).end();
    // Refused, and sent again in another way when there is room.
    let refused = [client(4, "56evil"), client(0, "1234"), narrow(server(0, "").ack(4)), client(4, "56789!")];
    assert_eq!(told(refused.to_vec()), "> '123456789!'; odd: tcp.invalid_segment 1, tcp.overlap_conflict 1");
    // Taken all the same: the receiver says so. What reaches into it from the left leaves it its end.
    let taken = [client(6, "7890"), client(0, "123456"), server(0, "").ack(10)];
    assert_eq!(told(taken.to_vec()), "> '1234567890'");
    let taken = [client(6, "__9!"), client(0, "12345678"), server(0, "").ack(10)];
    assert_eq!(told(taken.to_vec()), "> '123456789!'; odd: tcp.invalid_segment 1, tcp.overlap_conflict 1");
    // Its receiver's word being on the way is no reason to believe more.
    let refused = [client(0, "12345678"), client(8, "evil"), narrow(server(0, "").ack(8)), client(8, "good")];
    assert_eq!(
        told(refused.to_vec()),
        "> '12345678good'; odd: tcp.invalid_segment 1, tcp.overlap_conflict 1"
    );
    // Whole in the window, nothing waits; where nobody says anything, nothing can be known.
    assert_eq!(told(vec![client(0, "12345678")]), "> '12345678'");
    check_raw(
        [client(0, "GET"), client(3, " /")],
        expect!["opened Midstream to 8080; > 'GET /'; odd: tcp.midstream 1"],
    );
}

#[test]
fn what_comes_before_the_answer_to_a_syn_is_taken_by_nobody() {
    let [syn, syn_ack, ack] = handshake();
    let early = [syn.clone(), server(0, "evil"), syn_ack.clone(), ack.clone(), server(0, "good")];
    check_raw(early, expect!["< 'good'; odd: tcp.invalid_segment 1, tcp.overlap_conflict 1"]);
    // The client's first words acknowledge a server that has not spoken: the connection begins after them.
    let early = [syn.clone(), client(0, "evil").ack(5_000), syn_ack.clone(), ack.clone(), client(0, "good")];
    check_raw(
        early,
        expect![
            "> 'evil'; closed Reused after 2 ms; [2] opened Handshake to 8080; [2] > 'good'; odd: tcp.invalid_segment 1"
        ],
    );
    // The capture alone has them in that order.
    let late = [syn.clone(), server(0, "200"), syn_ack.clone(), ack.clone(), client(0, "").ack(3)];
    check_raw(late, expect!["< '200'"]);
    let late = [syn, client(0, "GET"), syn_ack, server(0, "200").ack(3), client(3, "").ack(3)];
    check_raw(late, expect!["> 'GET'; < '200'"]);
}

#[test]
fn resets_by_numbers_that_nobody_sent_end_nothing() {
    let [syn, syn_ack, ack] = handshake();
    // A server refuses an acknowledgement of what it never sent with a reset of that number.
    let refused =
        [syn.clone(), syn_ack, client(0, "evil").ack(77), server(77, "").rst(), ack, client(0, "good")];
    check_raw(
        refused,
        expect!["> 'good'; odd: tcp.bad_rst 1, tcp.invalid_segment 1, tcp.overlap_conflict 1"],
    );
    // A host that waits for the answer to its SYN is reset by a refusal of that SYN alone.
    let mut stray = server(0, "").rst();
    stray.flags &= !TcpFlags::ACK;
    let story = [syn, server(0, "200"), stray, client(0, "").ack(3), server(3, "!"), client(0, "").ack(4)];
    check_raw(story, expect!["< '200!'; odd: tcp.bad_rst 1"]);
}

#[test]
fn a_capture_without_acknowledgements_is_read_on_and_says_so() {
    let opening = handshake();
    let piece = "0123456789".repeat(100);
    let count = 300;
    let rest = (0..count).map(|n| server(n * 1_000, &piece));
    let end = client(0, "").ack(count * 1_000);
    let told = Story::default().tell(opening.into_iter().chain(rest).chain([end])).end();
    let delivered = told.matches("0123456789").count();
    assert_eq!(delivered, 30_000, "{}", &told[told.len() - 200..]);
    assert!(told.contains("tcp.invalid_segment"), "{}", &told[told.len() - 200..]);
    assert!(!told.contains("gap"), "{}", &told[told.len() - 200..]);
}

#[test]
fn an_end_before_what_was_delivered_is_told() {
    check(
        [client(0, "all that"), client(4, "").fin()],
        expect!["> 'all that'; odd: tcp.overlap_conflict 1, tcp.retransmission 1"],
    );
    let end = client(4, "").fin();
    check([client(0, "all "), end.clone(), end], expect!["> 'all '; > fin; odd: tcp.retransmission 1"]);
}

#[test]
fn a_reset_at_the_end_of_what_waits_counts_where_that_was_acknowledged_by_itself() {
    let opening = |sack: bool| {
        handshake().map(|mut tcp| {
            tcp.options.sack_permitted = sack;
            tcp
        })
    };
    let story = [client(0, "one"), client(6, "three"), client(11, "").rst(), client(3, "two")];
    check_raw(
        opening(false).into_iter().chain(story.clone()),
        expect!["> 'onetwothree'; odd: tcp.bad_rst 1"],
    );
    let told = Story::default().tell(opening(true).into_iter().chain(story)).end();
    assert!(told.contains("closed Reset"), "{told}");
}
