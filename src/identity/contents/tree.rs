//! The shape of a JSON text: its members by the way to them, with the types that they were met with.
//! It is given what `json::walk` meets, in the order of the text.
//! It promises a bounded number of nodes, and that no key of an object is taken for a name where keys are values: ids,
//! addresses, dates, texts, or more keys than objects have members.

use crate::identity::json::{self, Member};
use heelguard_detectors::contents::ValueType;
use std::borrow::Cow;

/// Containers around a value that is looked at.
const DEPTH_MAX: usize = 8;
/// Different members of one text.
const NODES_MAX: usize = 160;
/// Members of an object; one with more is a map.
const MEMBERS_MAX: u16 = 48;
/// No node.
const NONE: usize = usize::MAX;

/// A JSON text by its members.
pub(super) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    /// The containers around the next value, and whether each is a list.
    open: [(usize, bool); DEPTH_MAX + 1],
    /// What was met last; records of one list have their members in one order.
    last: usize,
    /// Something was too deep, or one too many.
    pub(super) is_cut: bool,
    /// A way may be told more than once.
    pub(super) repeats: bool,
}

/// A member, or the elements of a list.
struct Node<'a> {
    parent: usize,
    step: Step<'a>,
    /// A bit for each type it was met with, in the order of `ValueType::ALL`.
    kinds: u16,
    /// Different members.
    members: u16,
    /// Its keys are values.
    is_map: bool,
    /// What was met behind it.
    next: usize,
}

/// What leads from a container to what is in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    /// There is nothing around.
    Root,
    /// By a name.
    Member(&'a [u8]),
    /// By a key that is a value.
    Key,
    /// By its place in a list.
    Element,
}

impl<'a> Tree<'a> {
    pub(super) fn new() -> Self {
        let mut nodes = Vec::with_capacity(32);
        nodes.push(Node::new(NONE, Step::Root));
        Self { nodes, open: [(NONE, false); DEPTH_MAX + 1], last: 0, is_cut: false, repeats: false }
    }

    /// Takes in what the walk meets, of that type.
    pub(super) fn meet<K>(&mut self, member: &Member<'a, K>, kind: ValueType) {
        let place = self.place(member);
        let opens = matches!(kind, ValueType::Object | ValueType::Array);
        match self.open.get_mut(member.depth + 1).filter(|_| opens) {
            Some(container) => *container = (place, kind == ValueType::Array),
            None => self.is_cut |= opens,
        }
        if let Some(node) = self.nodes.get_mut(place) {
            node.kinds |= 1 << kind as u16;
        }
    }

    /// The node of a value; `NONE` where it is too deep, or there is no room.
    fn place<K>(&mut self, member: &Member<'a, K>) -> usize {
        if member.depth == 0 {
            return 0;
        }
        let (parent, is_list) = self.open.get(member.depth).copied().unwrap_or((NONE, false));
        let Some(around) = self.nodes.get(parent) else { return NONE };
        let step = match (is_list, around.is_map) {
            (true, _) => Step::Element,
            (false, true) => Step::Key,
            (false, false) => Step::Member(member.name),
        };
        let usual = self.nodes.get(self.last).map_or(NONE, |last| last.next);
        let is_it = |node: &Node<'a>| node.parent == parent && node.step == step;
        let place = if self.nodes.get(usual).is_some_and(is_it) {
            usual
        } else {
            let known = self.nodes.iter().position(is_it);
            known.unwrap_or_else(|| self.add(parent, step))
        };
        if let Some(last) = self.nodes.get_mut(self.last) {
            last.next = place;
        }
        if place != NONE {
            self.last = place;
        }
        place
    }

    fn add(&mut self, parent: usize, step: Step<'a>) -> usize {
        if self.nodes.len() == NODES_MAX {
            self.is_cut = true;
            return NONE;
        }
        let mut node = Node::new(parent, step);
        if let (Step::Member(name), Some(around)) = (step, self.nodes.get_mut(parent)) {
            around.members += 1;
            let is_escaped = name.contains(&b'\\');
            self.repeats |= is_escaped;
            let is_value = if is_escaped { is_value(&json::unescape(name)) } else { is_value(name) };
            if around.members > MEMBERS_MAX || is_value {
                around.is_map = true;
                self.repeats = true;
                let siblings = self.nodes.iter_mut().filter(|node| node.parent == parent);
                siblings.filter(|node| node.step != Step::Element).for_each(|node| node.step = Step::Key);
                node.step = Step::Key;
            }
        }
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Shows the way to each member with each of its types, in the order in which they were met.
    pub(super) fn each(&self, mut show: impl FnMut(&[u8], ValueType)) {
        let mut way = Vec::with_capacity(64);
        for node in self.nodes.iter().filter(|node| node.kinds != 0) {
            way.clear();
            self.way(node, DEPTH_MAX, &mut way);
            if way.is_empty() {
                continue;
            }
            for &kind in ValueType::ALL.iter().filter(|kind| node.kinds >> **kind as u16 & 1 == 1) {
                show(&way, kind);
            }
        }
    }

    fn way(&self, node: &Node<'a>, steps: usize, out: &mut Vec<u8>) {
        if let (Some(parent), Some(steps)) = (self.nodes.get(node.parent), steps.checked_sub(1)) {
            self.way(parent, steps, out);
        }
        let name = match node.step {
            Step::Root => return,
            Step::Element => return out.extend_from_slice(b"[]"),
            Step::Key => Cow::Borrowed(b"{}".as_slice()),
            Step::Member(name) if name.contains(&b'\\') => Cow::Owned(json::unescape(name)),
            Step::Member(name) => Cow::Borrowed(name),
        };
        if !out.is_empty() {
            out.push(b'.');
        }
        out.extend_from_slice(&name);
    }
}

impl<'a> Node<'a> {
    fn new(parent: usize, step: Step<'a>) -> Self {
        Self { parent, step, kinds: 0, members: 0, is_map: false, next: NONE }
    }
}

/// Whether a key is no name that somebody gave to a member: an id, an address, a date, a key or token, or a text.
fn is_value(key: &[u8]) -> bool {
    key.iter().any(|byte| matches!(byte, b' ' | b'@' | b'/' | b':' | b',')) || super::is_value(key)
}

#[cfg(test)]
mod tests;
