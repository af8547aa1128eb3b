//! Frames over any segmentation, what is odd in them, and how much a hostile one may cost.

use super::*;

/// A frame as it goes over the wire.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a reader tells, a word each.
fn told(reader: &mut Reader, bytes: &[u8]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = bytes;
    while let Some(step) = reader.step(&mut rest, EventTime::ZERO) {
        words.push(match step {
            Step::Frame(head, payload, _) => format!("{:?}({}) on {}", head.kind, payload.len(), head.stream),
            Step::Data(stream, bytes) => format!("data {} on {stream}", bytes.len()),
            Step::DataEnd(head) => format!("end{}", if head.ends_stream() { " of stream" } else { "" }),
            Step::Broken => "broken".to_owned(),
        });
    }
    words
}

fn connection() -> Vec<u8> {
    let padded = [&[3], b"hello".as_slice(), &[0; 3]].concat();
    [
        PREFACE.to_vec(),
        frame(4, 0, 0, &[0, 3, 0, 0, 0, 1]),
        frame(1, 4, 1, &[0x82, 0x84]),
        frame(0, 8, 1, &padded),
        frame(0x42, 0, 9, b"who knows"),
        frame(6, 0, 0, &[0; 8]),
        frame(0, 1, 1, b""),
    ]
    .concat()
}

#[test]
fn frames_are_read_however_they_are_cut() {
    let expected =
        ["Settings(6) on 0", "Headers(2) on 1", "end", "Other(0) on 9", "Ping(0) on 0", "end of stream"];
    let bytes = connection();
    for size in 1..bytes.len() {
        let mut reader = Reader::of_client();
        let words: Vec<String> = bytes.chunks(size).flat_map(|piece| told(&mut reader, piece)).collect();
        let data = words
            .iter()
            .filter_map(|word| word.strip_prefix("data ")?.split(' ').next()?.parse::<u32>().ok());
        assert_eq!(data.sum::<u32>(), 5, "pieces of {size}");
        let others: Vec<&str> =
            words.iter().map(String::as_str).filter(|word| !word.starts_with("data")).collect();
        assert_eq!(others, expected, "pieces of {size}");
    }
}

#[test]
fn what_makes_no_sense_loses_the_place() {
    for wrong in [
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(),
        [PREFACE, &[0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1]].concat(),
        [PREFACE, &frame(0, 8, 1, &[5, 1, 2])].concat(),
    ] {
        let mut reader = Reader::of_client();
        assert_eq!(told(&mut reader, &wrong), ["broken"]);
        assert!(reader.is_lost());
    }
}

#[test]
fn a_gap_within_a_frame_is_stepped_over() {
    let next = frame(6, 0, 0, &[0; 8]);
    let data = frame(0, 1, 1, &[b'x'; 100]);
    let mut reader = Reader::of_server();
    told(&mut reader, &data[..50]);
    assert_eq!(reader.gap(59), Gap::InData(1, 59));
    assert_eq!(told(&mut reader, &next), ["end of stream", "Ping(0) on 0"]);

    let headers = frame(1, 5, 1, &[0x82; 100]);
    let mut reader = Reader::of_server();
    told(&mut reader, &headers[..50]);
    assert!(matches!(reader.gap(20), Gap::InFrame(head) if head.stream == 1 && head.ends_stream()));
    assert_eq!(told(&mut reader, &[&headers[70..], &next].concat()), ["Ping(0) on 0"]);
}

#[test]
fn a_gap_beyond_the_frame_loses_the_place_until_frames_prove_it() {
    let ping = frame(6, 0, 0, &[0; 8]);
    let mut reader = Reader::of_server();
    told(&mut reader, &frame(0, 1, 1, &[b'x'; 100])[..50]);
    assert_eq!(reader.gap(60), Gap::Lost);
    assert_eq!(told(&mut reader, &ping), Vec::<String>::new());
    assert_eq!(reader.seek(b"text that follows", EventTime::ZERO), None);
    // A frame that is not whole proves nothing yet.
    assert_eq!(reader.seek(&ping[..10], EventTime::ZERO), None);
    let (bytes, _) = reader.seek(&ping[10..], EventTime::ZERO).unwrap();
    assert_eq!(told(&mut reader, &bytes), ["Ping(0) on 0"]);
}
