//! One connection played, and both readings of it compared.
//! It is given terms and moves, plays them and then lets the peer be polite to the end.
//! It promises to call equal only what is equal: bytes, and that the stream ended.

use crate::moves::{Fault, Move};
use crate::peer::{End, Link, Passed, Peer, Terms};
use crate::sensor::{self, Told};
use heelguard_detectors::anomaly::Anomaly;
use std::collections::BTreeMap;

/// A connection to be played.
#[derive(Clone, Debug)]
pub struct Case {
    pub terms: Terms,
    pub text: Vec<u8>,
    /// Before the handshake is over.
    pub early: Vec<Move>,
    pub moves: Vec<Move>,
}

/// What became of it.
pub struct Outcome {
    /// What the application got.
    pub received: Vec<u8>,
    pub end: End,
    /// What the sensor says it got.
    pub told: Told,
    pub record: Vec<Passed>,
    /// What the copies that were sent say of each other.
    pub copies: Copies,
}

/// Whether there were two versions of a byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// While the kernel had not acknowledged it.
    pub differ: bool,
    /// After that.
    pub differ_late: bool,
}

impl Case {
    pub fn play(&self, link: &Link) -> Outcome {
        let mut peer = Peer::knock(link, self.terms);
        let mut seen = BTreeMap::new();
        let mut copies = Copies::default();
        for step in &self.early {
            if !peer.is_over() {
                step.play(&mut peer, &self.text);
                peer.notice(step);
            }
        }
        if !peer.is_over() {
            peer.shake();
        }
        for step in &self.moves {
            if peer.is_over() {
                // What comes to a connection that is over is no part of it.
                break;
            }
            if let Move::Piece(piece) = step
                && piece.fault == Fault::None
            {
                let acked = peer.acked();
                for (at, byte) in (piece.at..).zip(piece.bytes(&self.text)) {
                    if *seen.entry(at).or_insert(byte) != byte {
                        *(if at < acked { &mut copies.differ_late } else { &mut copies.differ }) = true;
                    }
                }
            }
            step.play(&mut peer, &self.text);
            peer.notice(step);
        }
        peer.complete(&self.text);
        let (record, me) = (std::mem::take(&mut peer.record), peer.me);
        let told = sensor::read(&record, me);
        Outcome { received: std::mem::take(&mut peer.received), end: peer.end, told, record, copies }
    }
}

impl Peer<'_> {
    /// A reset may have ended the connection, which only the application can tell.
    fn notice(&mut self, step: &Move) {
        if let Move::Reset { .. } = step {
            self.read();
        }
    }
}

impl Outcome {
    /// Whether the sensor says what the application got.
    pub fn is_same(&self) -> bool {
        let ended = match self.end {
            End::Fin => self.told.fin,
            // A connection that was refused was no flow.
            End::Reset => self.told.reset || self.told.flows == 0,
            // Before the application has a connection, it does not hear of its end.
            End::Open => !self.told.fin && (!self.told.reset || self.received.is_empty()),
        };
        self.told.bytes == self.received && self.told.gaps.is_empty() && ended
    }

    pub fn has(&self, anomaly: Anomaly) -> bool {
        self.told.anomalies.contains(anomaly)
    }

    /// Both readings, for a person: from shortly before the first difference.
    pub fn show(&self) -> String {
        let anomalies: Vec<_> = self.told.anomalies.iter().map(Anomaly::name).collect();
        let equal =
            self.received.iter().zip(&self.told.bytes).take_while(|(kernel, told)| kernel == told).count();
        let shown = |bytes: &[u8]| {
            let from = equal.saturating_sub(8);
            let part = bytes.iter().skip(from).take(60).copied().collect::<Vec<_>>();
            format!("{} bytes, from {from} on {}", bytes.len(), part.escape_ascii())
        };
        let Told { fin, reset, flows, gaps, bytes, .. } = &self.told;
        format!(
            "kernel {:?}: {}\nsensor fin {fin}, reset {reset}, flows {flows}, gaps {gaps:?}: {}\n{}",
            self.end,
            shown(&self.received),
            shown(bytes),
            anomalies.join(", ")
        )
    }
}
