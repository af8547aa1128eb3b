//! Route patterns as a tree of segments: what the operator and presets say a path is for.
//! It is given patterns with labels, methods and factors, and finds the most exact one that fits a path.
//! It promises that a path without a pattern costs one table read a segment, and that work is bounded for any path.

use super::roles;
use crate::identity::config::RouteLabel;
use crate::identity::labels::Labels;
use crate::identity::names::Names;
use crate::identity::urlencoded;
use heelguard_detectors::identity::Factor;
use std::borrow::Cow;

/// Segments of a path that are looked at, and that a pattern may have.
const SEGMENTS_MAX: usize = 32;

/// What a route is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The method it is for; `None` is for every one.
    pub(crate) method: Option<String>,
    /// In place of what the words of the path say; `None` leaves that as it is.
    pub(crate) labels: Option<Labels>,
    /// The factor where neither answer nor request names one.
    pub(crate) factor: Option<Factor>,
}

/// A place in the tree.
#[derive(Default)]
struct Node {
    literals: Vec<(String, usize)>,
    /// Behind `*`.
    any: Option<usize>,
    /// Patterns that end here.
    ends: Vec<Rule>,
    /// Patterns that end here with `**`.
    rest: Vec<Rule>,
}

/// All patterns of a layer.
pub(crate) struct Routes {
    nodes: Vec<Node>,
    /// First segments of patterns that begin with `/`.
    anchored: Names<usize>,
    /// First segments of patterns that begin with `**`.
    floating: Names<usize>,
}

/// The root of patterns that begin with `/`, and that of those that begin with `**`.
const ANCHORED: usize = 0;
const FLOATING: usize = 1;

impl Routes {
    /// The tree of these patterns; each comes with the file that has it.
    pub(crate) fn new<'p>(
        patterns: impl IntoIterator<Item = (&'p str, &'p RouteLabel)>,
    ) -> Result<Self, String> {
        let mut nodes = vec![Node::default(), Node::default()];
        for (file, route) in patterns {
            let told = |problem: String| {
                let place = if file.is_empty() { String::new() } else { format!("{file}: routes: ") };
                format!("{place}path `{}`: {problem}", route.path)
            };
            insert(&mut nodes, route).map_err(told)?;
        }
        let first = |root: usize| {
            Names::exact(nodes.get(root).map(|node| node.literals.as_slice()).unwrap_or_default())
        };
        Ok(Self { anchored: first(ANCHORED), floating: first(FLOATING), nodes })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.iter().all(|node| node.ends.is_empty() && node.rest.is_empty())
    }

    /// The most exact rule for a raw path without query: literal before `*` before `**`, and of patterns that
    /// begin with `**` the one that begins first. An `operation` counts as a last segment.
    pub(crate) fn find(&self, method: &[u8], path: &[u8], operation: &[u8]) -> Option<&Rule> {
        let segments = segments(path).chain(segments(operation));
        let root = self.nodes.get(ANCHORED)?;
        // Most paths have few segments.
        let mut decoded = Vec::with_capacity(8);
        decoded.extend(segments);
        let anchored = match decoded.split_first() {
            Some((first, rest)) => {
                let by_name = self.anchored.get(first).and_then(|at| self.descend(at, rest, method));
                by_name.or_else(|| root.any.and_then(|at| self.descend(at, rest, method)))
            }
            None => fitting(&root.ends, method),
        };
        if anchored.is_some() {
            return anchored;
        }
        let mut segments = decoded.as_slice();
        while let Some((segment, rest)) = segments.split_first() {
            let found = self.floating.get(segment).and_then(|at| self.descend(at, rest, method));
            if found.is_some() {
                return found;
            }
            segments = rest;
        }
        fitting(&root.rest, method)
    }

    /// Depth is that of a pattern; at each place two ways go on.
    fn descend(&self, at: usize, segments: &[Cow<'_, [u8]>], method: &[u8]) -> Option<&Rule> {
        let node = self.nodes.get(at)?;
        let Some((segment, rest)) = segments.split_first() else {
            return fitting(&node.ends, method).or_else(|| fitting(&node.rest, method));
        };
        let literal = node.literals.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(segment));
        let by_name = literal.and_then(|&(_, next)| self.descend(next, rest, method));
        by_name
            .or_else(|| node.any.and_then(|next| self.descend(next, rest, method)))
            .or_else(|| fitting(&node.rest, method))
    }
}

/// A rule for this method, else one for all.
fn fitting<'r>(rules: &'r [Rule], method: &[u8]) -> Option<&'r Rule> {
    let named = rules.iter().find(|r| r.method.as_ref().is_some_and(|m| m.as_bytes() == method));
    named.or_else(|| rules.iter().find(|r| r.method.is_none()))
}

/// The segments of a path, decoded, without matrix parameters and empty ones.
fn segments(path: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    path.split(|&b| b == b'/')
        .map(|segment| segment.split(|&b| b == b';').next().unwrap_or(segment))
        .filter(|segment| !segment.is_empty())
        .take(SEGMENTS_MAX)
        .map(urlencoded::decode_path)
}

fn insert(nodes: &mut Vec<Node>, route: &RouteLabel) -> Result<(), String> {
    let rule = rule(route)?;
    let mut words: Vec<&str> = route.path.split('/').filter(|word| !word.is_empty()).collect();
    let floats = words.first() == Some(&"**") && words.len() > 1;
    if !route.path.starts_with('/') && !floats {
        return Err("must begin with `/` or `**/`".to_owned());
    }
    if words.len() > SEGMENTS_MAX {
        return Err(format!("has more than {SEGMENTS_MAX} segments"));
    }
    if floats {
        words.remove(0);
    }
    let takes_rest = words.last() == Some(&"**");
    if takes_rest {
        words.pop();
    }
    if floats && words.first().is_none_or(|word| *word == "*") {
        return Err("behind `**/` comes a segment to look for".to_owned());
    }
    let mut at = if floats { FLOATING } else { ANCHORED };
    for word in words {
        if word.contains('*') && word != "*" {
            return Err(
                "`*` stands for a whole segment, `**` for any number at the begin or the end".to_owned()
            );
        }
        at = child(nodes, at, word);
    }
    let node = nodes.get_mut(at).ok_or("has no place")?;
    let rules = if takes_rest { &mut node.rest } else { &mut node.ends };
    match rules.iter().find(|known| known.method == rule.method) {
        Some(known) if *known != rule => Err("has other labels or another factor elsewhere".to_owned()),
        Some(_) => Ok(()),
        None => {
            rules.push(rule);
            Ok(())
        }
    }
}

/// The node behind a word, made if it is new.
fn child(nodes: &mut Vec<Node>, at: usize, word: &str) -> usize {
    let new = nodes.len();
    let Some(node) = nodes.get_mut(at) else { return at };
    let known = match word {
        "*" => node.any,
        _ => node.literals.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|&(_, next)| next),
    };
    if let Some(known) = known {
        return known;
    }
    match word {
        "*" => node.any = Some(new),
        _ => node.literals.push((word.to_ascii_lowercase(), new)),
    }
    nodes.push(Node::default());
    new
}

fn rule(route: &RouteLabel) -> Result<Rule, String> {
    let mut labels: Option<Labels> = None;
    for name in route.label.iter().chain(&route.labels) {
        let label = Labels::named(name)
            .ok_or_else(|| format!("unknown label `{name}`; wanted one of {}", roles::list(Labels::NAMES)))?;
        labels = Some(labels.unwrap_or(Labels::NONE).or(label));
    }
    let factor = match &route.factor {
        Some(name) => Some(
            roles::role(roles::FACTORS, name)
                .map_err(|allowed| format!("unknown factor `{name}`; {allowed}"))?,
        ),
        None => None,
    };
    if labels.is_none() && factor.is_none() {
        return Err(format!(
            "says nothing; wanted `labels` (of {}), `factor` or both",
            roles::list(Labels::NAMES)
        ));
    }
    let method = match &route.method {
        Some(method) if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') => {
            return Err(format!("`{method}` is no method; wanted upper case, as in `POST`"));
        }
        method => method.clone(),
    };
    Ok(Rule { method, labels, factor })
}
