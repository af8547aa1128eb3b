//! The dealing program in classic BPF, put together by a small assembler with labels.
//! It is given the length of the link header that outgoing frames still have in front, and gives instructions.
//! It promises jumps that lead forward to labels that exist.

use super::super::sys::Instruction;
use super::{
    ADDRESSED_PORTS, BRIDGED, ERSPAN, ERSPAN_3, ETHERNET_BYTES, ETHERNET_TYPE_AT, GENEVE_PORT, GRE,
    GRE_OPTIONAL, GRE_OTHER, GRE_SEQUENCE, HOP_BY_HOP, IPV4, IPV4_IN_IP, IPV6, IPV6_IN_IP, MULTIPLIER,
    TAGS_MAX, TCP, TUNNELS_MAX, UDP, VLANS, VXLAN_PORTS,
};

// Classic BPF (Linux `filter.txt`): class, size and mode, operation.
const LD_W_ABS: u16 = 0x20;
const LD_W_IND: u16 = 0x40;
const LD_H_IND: u16 = 0x48;
const LD_B_IND: u16 = 0x50;
const LD_MEM: u16 = 0x60;
const LD_IMM: u16 = 0x00;
const LDX_MEM: u16 = 0x61;
const LDX_IMM: u16 = 0x01;
const STORE: u16 = 0x02;
const ADD_K: u16 = 0x04;
const ADD_X: u16 = 0x0c;
const MUL_K: u16 = 0x24;
const AND_K: u16 = 0x54;
const SHL_K: u16 = 0x64;
const SHR_K: u16 = 0x74;
const XOR_X: u16 = 0xac;
const JUMP: u16 = 0x05;
const JUMP_EQ: u16 = 0x15;
const JUMP_ANY: u16 = 0x45;
const RETURN_K: u16 = 0x06;
const RETURN_A: u16 = 0x16;
const TO_X: u16 = 0x07;

/// What the kernel knows of a frame beside its bytes (`SKF_AD_OFF` and a number).
const PROTOCOL: u32 = 0xffff_f000;
const PACKET_TYPE: u32 = 0xffff_f004;
const OUTGOING: u32 = 4;

/// Scratch memory: where the network header begins, the hash so far, the frame's type or the protocol.
const BASE: u32 = 0;
const SUM: u32 = 1;
const KIND: u32 = 2;
/// The flags of a GRE header.
const FLAGS: u32 = 3;

/// The program for frames with a link header of `link_bytes`. The kernel has taken it from frames that came in, and
/// not yet from those that go out.
pub(in super::super) fn program(link_bytes: u32) -> Vec<Instruction> {
    let mut code = Assembler::default();
    code.op(LD_W_ABS, PACKET_TYPE).op(LDX_IMM, 0);
    code.jump(JUMP_EQ, OUTGOING, None, Some("base".into()));
    code.op(LDX_IMM, link_bytes);
    code.label("base").op(STORE | 1, BASE);
    code.op(LD_W_ABS, PROTOCOL).op(STORE, KIND);
    (0..=TUNNELS_MAX).for_each(|tunnels| network(&mut code, tunnels));
    // Ports: X is where they are.
    code.label("ports").op(LD_H_IND, 0).op(STORE, KIND).op(LD_H_IND, 2);
    code.op(LDX_MEM, KIND).op(XOR_X, 0).op(LDX_MEM, SUM).op(XOR_X, 0).op(STORE, SUM);
    code.label("mix");
    fold(&mut code);
    code.op(MUL_K, MULTIPLIER).op(STORE, SUM);
    fold(&mut code);
    code.op(RETURN_A, 0);
    code.label("none").op(RETURN_K, 0);
    code.finish()
}

/// From the frame's type to the ports, inside so many tunnels.
fn network(code: &mut Assembler, tunnels: u8) {
    let name = |what: &'static str| Label(what, tunnels);
    code.label(name("network"));
    for step in 0..TAGS_MAX as u8 {
        let (tag, next) = (Label("tag", step + 2 * tunnels), Label("step", step + 2 * tunnels));
        code.op(LD_MEM, KIND);
        for vlan in VLANS {
            code.jump(JUMP_EQ, vlan.into(), Some(tag), None);
        }
        code.go(name("untagged"));
        code.label(tag).op(LDX_MEM, BASE).op(LD_H_IND, 2).op(STORE, KIND);
        code.op(LD_MEM, BASE).op(ADD_K, 4).op(STORE, BASE);
        code.label(next);
    }
    code.label(name("untagged")).op(LD_MEM, KIND).op(LDX_MEM, BASE);
    code.jump(JUMP_EQ, IPV4.into(), Some(name("ipv4")), None);
    code.jump(JUMP_EQ, IPV6.into(), Some(name("ipv6")), None);
    code.go("none");

    code.label(name("ipv4")).op(LD_W_IND, 12).op(STORE, SUM).op(LD_W_IND, 16);
    code.op(LDX_MEM, SUM).op(XOR_X, 0).op(STORE, SUM);
    code.op(LDX_MEM, BASE).op(LD_H_IND, 6);
    code.jump(JUMP_ANY, 0x3fff, Some(name("addresses")), None);
    // The header's length, added to the base, is where the transport begins.
    code.op(LD_B_IND, 9).op(STORE, KIND);
    code.op(LD_B_IND, 0).op(AND_K, 0x0f).op(SHL_K, 2).op(ADD_X, 0).op(TO_X, 0);
    code.go(name("transport"));

    code.label(name("ipv6")).op(LDX_IMM, 0).op(STORE | 1, SUM);
    for word in 0..8 {
        code.op(LDX_MEM, BASE).op(LD_W_IND, 8 + word * 4);
        code.op(LDX_MEM, SUM).op(XOR_X, 0).op(STORE, SUM);
    }
    code.op(LDX_MEM, BASE).op(LD_B_IND, 6).op(STORE, KIND);
    let plain = name("plain");
    code.jump(JUMP_EQ, HOP_BY_HOP.into(), None, Some(plain));
    code.op(LD_B_IND, 40).op(STORE, KIND);
    code.op(LD_B_IND, 41).op(ADD_K, 1).op(SHL_K, 3).op(ADD_X, 0).op(ADD_K, 40).op(TO_X, 0);
    code.go(name("transport"));
    code.label(plain).op(LD_MEM, BASE).op(ADD_K, 40).op(TO_X, 0);

    code.label(name("transport")).op(LD_MEM, KIND);
    code.jump(JUMP_EQ, TCP.into(), Some(name("to ports")), None);
    if tunnels < TUNNELS_MAX {
        enter(code, tunnels);
    } else {
        code.jump(JUMP_EQ, UDP.into(), Some(name("to ports")), None);
    }
    code.label(name("addresses")).op(LD_MEM, SUM).go("mix");
    code.label(name("to ports")).go("ports");
}

/// From the protocol, in A, to the network inside a tunnel; X is where the transport begins. What is no tunnel goes on
/// behind this, to the addresses, or to the ports.
fn enter(code: &mut Assembler, tunnels: u8) {
    let name = |what: &'static str| Label(what, tunnels);
    let (addresses, ethernet, inside) = (name("addresses"), name("ethernet"), name("inside"));
    code.jump(JUMP_EQ, UDP.into(), Some(name("udp")), None);
    code.jump(JUMP_EQ, GRE.into(), Some(name("gre")), None);
    code.jump(JUMP_EQ, IPV4_IN_IP.into(), Some(name("4 in ip")), None);
    code.jump(JUMP_EQ, IPV6_IN_IP.into(), None, Some(addresses));
    code.op(LD_IMM, IPV6.into()).op(STORE, KIND).go(inside);
    code.label(name("4 in ip")).op(LD_IMM, IPV4.into()).op(STORE, KIND).go(inside);

    code.label(name("udp")).op(LD_H_IND, 2);
    for port in VXLAN_PORTS {
        code.jump(JUMP_EQ, port.into(), Some(name("vxlan")), None);
    }
    code.jump(JUMP_EQ, GENEVE_PORT.into(), Some(name("geneve")), None);
    for port in ADDRESSED_PORTS {
        code.jump(JUMP_EQ, port.into(), Some(addresses), None);
    }
    code.go(name("to ports"));
    code.label(name("vxlan")).advance(16).go(ethernet);
    code.label(name("geneve")).op(LD_H_IND, 10).op(STORE, KIND);
    code.op(LD_B_IND, 8).op(AND_K, 0x3f).op(SHL_K, 2).op(ADD_K, 16).op(ADD_X, 0).op(TO_X, 0);
    code.go(name("protocol"));

    code.label(name("gre")).op(LD_H_IND, 0).op(STORE, FLAGS);
    code.jump(JUMP_ANY, GRE_OTHER.into(), Some(addresses), None);
    code.op(LD_H_IND, 2).op(STORE, KIND).advance(4);
    for (step, flag) in (0..).zip(GRE_OPTIONAL) {
        let without = Label("without", step + 3 * tunnels);
        code.op(LD_MEM, FLAGS).jump(JUMP_ANY, flag.into(), None, Some(without));
        code.advance(4).label(without);
    }
    code.op(LD_MEM, KIND);
    code.jump(JUMP_EQ, ERSPAN_3.into(), Some(name("erspan 3")), None);
    code.jump(JUMP_EQ, ERSPAN.into(), None, Some(name("protocol")));
    code.op(LD_MEM, FLAGS).jump(JUMP_ANY, GRE_SEQUENCE.into(), None, Some(ethernet));
    code.advance(8).go(ethernet);
    code.label(name("erspan 3")).op(LD_B_IND, 11).op(AND_K, 1).op(SHL_K, 3);
    code.op(ADD_K, 12).op(ADD_X, 0).op(TO_X, 0).go(ethernet);

    code.label(name("protocol")).op(LD_MEM, KIND);
    for kind in [IPV4, IPV6] {
        code.jump(JUMP_EQ, kind.into(), Some(inside), None);
    }
    code.jump(JUMP_EQ, BRIDGED.into(), None, Some(addresses));
    code.label(ethernet).op(LD_H_IND, ETHERNET_TYPE_AT as u32).op(STORE, KIND);
    code.advance(ETHERNET_BYTES as u32);
    code.label(inside).op(STORE | 1, BASE).go(Label("network", tunnels + 1));
}

/// The sum, folded onto itself.
fn fold(code: &mut Assembler) {
    code.op(LD_MEM, SUM).op(SHR_K, 16).op(LDX_MEM, SUM).op(XOR_X, 0);
}

/// A place in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Label(&'static str, u8);

impl From<&'static str> for Label {
    fn from(name: &'static str) -> Self {
        Self(name, 0)
    }
}

/// Instructions whose jumps name labels.
#[derive(Default)]
struct Assembler {
    code: Vec<(Instruction, [Option<Label>; 2])>,
    labels: Vec<(Label, usize)>,
}

impl Assembler {
    fn op(&mut self, code: u16, k: u32) -> &mut Self {
        self.code.push((Instruction { code, jt: 0, jf: 0, k }, [None, None]));
        self
    }

    fn label(&mut self, label: impl Into<Label>) -> &mut Self {
        self.labels.push((label.into(), self.code.len()));
        self
    }

    /// Goes on with the next instruction where no label is given.
    fn jump(&mut self, code: u16, k: u32, then: Option<Label>, otherwise: Option<Label>) {
        self.op(code, k);
        if let Some((_, targets)) = self.code.last_mut() {
            *targets = [then, otherwise];
        }
    }

    fn go(&mut self, label: impl Into<Label>) {
        self.op(JUMP, 0);
        if let Some((_, targets)) = self.code.last_mut() {
            *targets = [Some(label.into()), None];
        }
    }

    /// Moves X on.
    fn advance(&mut self, bytes: u32) -> &mut Self {
        self.op(LD_IMM, bytes).op(ADD_X, 0).op(TO_X, 0)
    }

    /// Labels become distances.
    fn finish(self) -> Vec<Instruction> {
        let Self { code, labels } = self;
        let distance = |from: usize, label: Option<Label>| {
            let at = labels.iter().find(|(known, _)| Some(*known) == label).map(|(_, at)| *at);
            at.map_or(0, |at| at.saturating_sub(from + 1))
        };
        let resolve = |(at, (instruction, [then, otherwise])): (usize, (Instruction, [Option<Label>; 2]))| {
            if instruction.code == JUMP {
                return Instruction { k: distance(at, then) as u32, ..instruction };
            }
            Instruction { jt: distance(at, then) as u8, jf: distance(at, otherwise) as u8, ..instruction }
        };
        code.into_iter().enumerate().map(resolve).collect()
    }
}
