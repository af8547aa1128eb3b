//! Filters: the operator's words as the classic BPF that the kernel runs on each frame.
//! It is given the words, the link type and the snap length; libpcap compiles them.
//! It promises libpcap's own words for what is wrong, and that no frame is taken longer than the snap length.

use super::sys::Instruction;
use crate::capture::LinkType;
use pcap::{Capture, Linktype};

/// `BPF_RET | BPF_K`: end, with so many bytes taken.
const RETURN: u16 = 0x06;

/// A program that takes nothing.
pub(super) fn nothing() -> [Instruction; 1] {
    [Instruction { code: RETURN, jt: 0, jf: 0, k: 0 }]
}

/// The program for a filter; an empty one takes everything, up to the snap length.
pub(super) fn compile(filter: &str, link: LinkType, snaplen: u32) -> Result<Vec<Instruction>, String> {
    if filter.trim().is_empty() {
        return Ok(vec![Instruction { code: RETURN, jt: 0, jf: 0, k: snaplen }]);
    }
    if words(filter).any(|word| word == "vlan") {
        return Err(format!(
            "capture.filter: {filter:?}: Linux takes the VLAN tag out of a frame before the filter sees it, so `vlan` \
             would match nothing; leave it out (tagged frames match as others do), or set capture.backend = \"libpcap\""
        ));
    }
    let refused = |error: pcap::Error| refused(filter, &error);
    let handle = Capture::dead(Linktype(link.0.cast_signed())).map_err(refused)?;
    let program = handle.compile(filter, true).map_err(refused)?;
    let instructions = program.get_instructions().iter().map(|one| parse(&one.to_string(), snaplen));
    instructions
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| format!("capture.filter: {filter:?}: libpcap's program is not understood"))
}

/// What libpcap does not like about a filter.
pub(super) fn refused(filter: &str, error: &pcap::Error) -> String {
    let why = match error {
        pcap::Error::PcapError(words) => words.clone(),
        other => other.to_string(),
    };
    format!("capture.filter: {filter:?}: {why}; wanted tcpdump's words, as in `tcp port 8080 or port 8443`")
}

fn words(filter: &str) -> impl Iterator<Item = &str> {
    filter.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
}

/// An instruction from the four numbers that libpcap's binding shows of it. What it takes is cut to the snap length.
fn parse(shown: &str, snaplen: u32) -> Option<Instruction> {
    let mut numbers = shown.split(' ').map(|number| number.parse::<u32>().ok());
    let mut next = || numbers.next().flatten();
    let (code, jt, jf, k) = (next()? as u16, next()? as u8, next()? as u8, next()?);
    let k = if code == RETURN && k > 0 { snaplen } else { k };
    Some(Instruction { code, jt, jf, k })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETHERNET: LinkType = LinkType(1);

    #[test]
    fn an_empty_filter_takes_everything_up_to_the_snap_length() {
        let program = compile("  ", ETHERNET, 4_096).unwrap();
        assert_eq!(program.iter().map(|one| (one.code, one.k)).collect::<Vec<_>>(), [(RETURN, 4_096)]);
    }

    #[test]
    fn a_filter_takes_what_it_takes_up_to_the_snap_length() {
        let program = compile("tcp port 8080", ETHERNET, 4_096).unwrap();
        let ends: Vec<_> = program.iter().filter(|one| one.code == RETURN).map(|one| one.k).collect();
        assert_eq!(ends, [4_096, 0]);
        assert!(program.iter().any(|one| one.k == 8_080));
    }

    #[test]
    fn a_wrong_filter_is_told_in_libpcaps_words() {
        let error = compile("tcp prot 80", ETHERNET, 4_096).unwrap_err();
        assert!(error.starts_with("capture.filter: \"tcp prot 80\": "), "{error}");
        assert!(error.contains("syntax error"), "{error}");
        let error = compile("vlan 7 and tcp", ETHERNET, 4_096).unwrap_err();
        assert!(error.contains("takes the VLAN tag out"), "{error}");
        assert!(
            compile("host vlan-7.test or tcp", ETHERNET, 4_096)
                .is_err_and(|error| !error.contains("takes the VLAN"))
        );
    }
}
