//! Finding frames in the middle of a stream: after lost bytes, or in a flow that was joined late.
//! It is given the bytes of a stream from a place where a frame may begin, which is where a segment does.
//! It promises to take for frames only what proves itself, and to hold a bounded number of bytes while it is not sure.
//!
//! The proof is a chain: a header whose type, length, flags, reserved bit and stream go together, and that leads to
//! another such header, or exactly to the end of what the peer sent at once. Each header has some 30 bits that must
//! be right, so that no text and no other protocol is taken for one. A sender who means to deceive can write frames
//! into a body; he can do so only behind a loss that he does not control, and only into his own connection.

use super::fields::Fields;
use super::frame::{HEAD_BYTES, Head, Kind};
use super::hpack::{Decoder, Scratch};
use super::{block, frame};

/// Bytes held while a chain is not proved: two of the largest ordinary frames.
const SEEK_BYTES_MAX: usize = 2 * (frame::FRAME_BYTES_DEFAULT as usize + HEAD_BYTES);
/// The extension frames that are met in practice: ALTSVC, ORIGIN, PRIORITY_UPDATE.
const EXTENSIONS: [u8; 3] = [0xA, 0xC, 0x10];
/// No connection has come to streams above this one: half of all, and more than a peer opens in its life.
const STREAM_MAX: u32 = 1 << 28;

/// What is known of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Frames begin here.
    Proved,
    /// So far nothing speaks against it.
    Open,
    /// They do not.
    Refuted,
}

/// Which side sends these frames, if they say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Sender {
    Client,
    Server,
}

/// What the first bytes of a piece of an unknown stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Recognised {
    /// Frames of this side.
    Frames(Sender),
    /// More bytes will tell.
    Short,
    /// No HTTP/2.
    Other,
}

/// Whether a chain of frames begins here.
pub(super) fn prove(bytes: &[u8], frame_bytes_max: u32) -> Proof {
    let mut rest = bytes;
    let mut frames = 0;
    loop {
        if rest.is_empty() && frames > 0 {
            return Proof::Proved;
        }
        let Some(head) = Head::read(rest) else { break };
        if !is_plausible(&head, frame_bytes_max) {
            return Proof::Refuted;
        }
        frames += 1;
        let Some(after) = rest.get(HEAD_BYTES + head.length as usize..) else { break };
        rest = after;
    }
    match frames {
        2.. => Proof::Proved,
        _ if bytes.len() > SEEK_BYTES_MAX || !may_begin(bytes) => Proof::Refuted,
        _ => Proof::Open,
    }
}

/// Whether a piece of a stream is HTTP/2, and whose. Fields of a request or an answer have to say so: a chain
/// without any is of no use.
pub(in crate::http) fn recognise(bytes: &[u8]) -> Recognised {
    match prove(bytes, frame::FRAME_BYTES_DEFAULT) {
        Proof::Refuted => Recognised::Other,
        Proof::Open => Recognised::Short,
        Proof::Proved => match sender(bytes) {
            Some(sender) => Recognised::Frames(sender),
            None => Recognised::Other,
        },
    }
}

/// Whether a server begins to speak here: its SETTINGS come first (RFC 9113 section 3.4). `None` when more bytes
/// will tell.
pub(in crate::http) fn is_server_preface(bytes: &[u8]) -> Option<bool> {
    match Head::read(bytes) {
        Some(head) => Some(head.kind == Kind::Settings && !head.is_ack() && is_plausible(&head, 6 * 64)),
        None if bytes.iter().zip([0, 0]).all(|(byte, known)| *byte == known) => None,
        None => Some(false),
    }
}

/// Who sends this chain, by the first fields that say it.
fn sender(bytes: &[u8]) -> Option<Sender> {
    let mut rest = bytes;
    while let Some(head) = Head::read(rest) {
        let (payload, after) = rest.get(HEAD_BYTES..)?.split_at_checked(head.length as usize)?;
        rest = after;
        if head.kind == Kind::Headers && head.ends_headers() {
            let fragment = block::headers_fragment(&head, payload)?;
            let mut fields = Fields::new(usize::MAX);
            let mut decoder = Decoder::new();
            decoder.allow_any();
            decoder.lose();
            decoder.decode(fragment, 0, &mut Scratch::default(), &mut fields);
            let asks = fields.pseudo.method.is_some() || fields.pseudo.path.is_some();
            let answers = fields.pseudo.status.is_some();
            match (fields.broken, asks, answers) {
                (false, true, false) => return Some(Sender::Client),
                (false, false, true) => return Some(Sender::Server),
                _ => {}
            }
        }
    }
    None
}

fn is_plausible(head: &Head, frame_bytes_max: u32) -> bool {
    let known = head.kind != Kind::Other || EXTENSIONS.contains(&head.code);
    known
        && head.length <= frame_bytes_max
        && head.is_lawful()
        && !head.reserved
        && !head.has_odd_flags()
        && head.stream < STREAM_MAX
}

/// Whether fewer bytes than a header may be the beginning of one: the length's first byte is zero.
fn may_begin(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0) && bytes.get(3).is_none_or(|code| *code <= 9 || EXTENSIONS.contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    #[test]
    fn a_chain_proves_itself() {
        let ping = frame(6, 0, 0, &[0; 8]);
        let data = frame(0, 0, 1, &[b'x'; 100]);
        let prove = |bytes: &[u8]| super::prove(bytes, 16_384);
        assert_eq!(prove(&ping), Proof::Proved, "it ends where the segment does");
        assert_eq!(prove(&data[..50]), Proof::Open);
        assert_eq!(prove(&data[..5]), Proof::Open);
        assert_eq!(prove(&[&data[..], &ping[..12]].concat()), Proof::Proved);
        assert_eq!(prove(&[&data[..], b"GET / HTTP/1.1\r\n\r\n"].concat()), Proof::Refuted);
    }

    #[test]
    fn other_protocols_are_no_frames() {
        for other in [
            b"GET / HTTP/1.1\r\n".as_slice(),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03",
            // DNS over TCP, MySQL, PostgreSQL, SMB, AMQP, Kafka, MongoDB.
            b"\x00\x1c\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01",
            b"\x4a\x00\x00\x00\x0a8.0.35\x00\x08\x00\x00\x00",
            b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
            b"\x00\x00\x00\x90\xfeSMB@\x00\x00\x00",
            b"\x01\x00\x01\x00\x00\x00\x0f\x00\x28\x00\x0a\x00",
            b"\x00\x00\x00\x2a\x00\x12\x00\x03\x00\x00\x00\x01",
            b"\x3f\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00",
        ] {
            assert!(!matches!(recognise(other), Recognised::Frames(_)), "{}", other.escape_ascii());
        }
    }

    #[test]
    fn fields_tell_the_sides() {
        // :method GET, :path /; then :status 200.
        assert_eq!(recognise(&frame(1, 5, 3, &[0x82, 0x84])), Recognised::Frames(Sender::Client));
        assert_eq!(recognise(&frame(1, 4, 3, &[0x88])), Recognised::Frames(Sender::Server));
        assert_eq!(recognise(&frame(1, 4, 3, &[0xBE])), Recognised::Other, "all of it is unknown");
        assert_eq!(recognise(&frame(6, 0, 0, &[0; 8])), Recognised::Other);
    }

    #[test]
    fn a_server_begins_with_its_settings() {
        let settings = frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]);
        assert_eq!(is_server_preface(&settings), Some(true));
        assert_eq!(is_server_preface(&settings[..4]), None);
        assert_eq!(is_server_preface(&frame(6, 0, 0, &[0; 8])), Some(false));
        assert_eq!(is_server_preface(b"HTTP"), Some(false));
    }
}
