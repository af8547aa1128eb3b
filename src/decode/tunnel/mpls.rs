//! MPLS: a stack of labels (RFC 3032), and behind it IP, or an Ethernet frame of a pseudowire (RFC 4448).
//! It is given the bytes from the first label on.
//! It promises a bounded walk. What follows the labels nobody says: an IP packet by its first four bits, which nearly
//! no Ethernet address begins with; a frame by its type, behind a control word or not.

use super::{Inside, TunnelKind, proof};
use crate::decode::link::{Layer, Miss};
use crate::metrics::DropReason;

/// Labels of one stack; real ones have three or four.
const LABELS_MAX: usize = 16;

pub(super) fn open(mut bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    for _ in 0..LABELS_MAX {
        let (&[_, _, last, _], rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
        bytes = rest;
        if last & 1 == 1 {
            return labelled(bytes);
        }
    }
    Err(Miss::Reason(DropReason::Malformed))
}

fn labelled(bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    let packet = Inside::new(TunnelKind::Mpls, Layer::Ip, bytes);
    let behind_control_word = bytes.get(4..).unwrap_or(&[]);
    let (layer, bytes) = match bytes.first().ok_or(Miss::Short)? >> 4 {
        4 | 6 if proof::holds(&packet, 0) || !proof::is_ethernet(bytes) => (Layer::Ip, bytes),
        0 if proof::is_ethernet(behind_control_word) => (Layer::Ethernet, behind_control_word),
        _ if proof::is_ethernet(bytes) => (Layer::Ethernet, bytes),
        0 => (Layer::Ethernet, behind_control_word),
        _ => return Err(Miss::Reason(DropReason::NotIp)),
    };
    Ok(Inside { layer, bytes, ..packet })
}
