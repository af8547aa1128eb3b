//! Declared paths of one host as a tree of segments: words before patterns before parameters.
//! It is given templates such as `/v1/users/{id}` with what they stand for, and raw paths of requests.
//! It promises a look-up a segment for an ordinary path, and for any path no more steps than the tree has nodes.

use crate::identity::urlencoded::decode_path;
use ahash::RandomState;
use std::collections::HashMap;

/// Segments of a declared path.
const SEGMENTS_MAX: usize = 64;

/// What stands at each declared path.
#[derive(Debug)]
pub(super) struct Tree<T> {
    nodes: Vec<Node<T>>,
}

#[derive(Debug)]
struct Node<T> {
    words: HashMap<Box<str>, usize, RandomState>,
    /// Segments with a parameter and letters: `{id}.json`.
    patterns: Vec<(Pattern, usize)>,
    /// Any segment.
    any: Option<usize>,
    /// Any number of segments: `{proxy+}`.
    rest: Option<usize>,
    here: Option<T>,
}

/// The letters between the parameters of a segment; the first and the last may be empty.
#[derive(Debug, PartialEq, Eq)]
struct Pattern(Vec<Box<str>>);

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { words: HashMap::default(), patterns: Vec::new(), any: None, rest: None, here: None }
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl<T> Tree<T> {
    /// What stands at this template, made where nothing does yet; `None` for one that is too long.
    pub(super) fn at(&mut self, template: &str) -> Option<&mut Option<T>> {
        let mut place = 0;
        // Empty segments say nothing.
        for (depth, segment) in template.split('/').filter(|segment| !segment.is_empty()).enumerate() {
            if depth >= SEGMENTS_MAX {
                return None;
            }
            let new = self.nodes.len();
            let node = self.nodes.get_mut(place)?;
            place = match Kind::of(segment) {
                Kind::Word => {
                    let word = String::from_utf8_lossy(&decode_path(segment.as_bytes())).into_owned();
                    *node.words.entry(word.into()).or_insert(new)
                }
                Kind::Any => *node.any.get_or_insert(new),
                Kind::Rest => *node.rest.get_or_insert(new),
                Kind::Pattern(pattern) => {
                    let known = node.patterns.iter().find(|(known, _)| *known == pattern);
                    if let Some(&(_, place)) = known {
                        place
                    } else {
                        node.patterns.push((pattern, new));
                        new
                    }
                }
            };
            if place == new {
                self.nodes.push(Node::default());
            }
        }
        self.nodes.get_mut(place).map(|node| &mut node.here)
    }

    /// What stands at the template that this path belongs to, as far as it `is_meant`.
    pub(super) fn find(&self, path: &str, is_meant: impl Fn(&T) -> bool) -> Option<&T> {
        self.nodes.get(self.place_of(path, &is_meant)?)?.here.as_ref()
    }

    /// The same, to change it.
    pub(super) fn find_mut(&mut self, path: &str, is_meant: impl Fn(&T) -> bool) -> Option<&mut T> {
        let place = self.place_of(path, &is_meant)?;
        self.nodes.get_mut(place)?.here.as_mut()
    }

    /// All that stands anywhere, in the order in which the places were made.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.nodes.iter().filter_map(|node| node.here.as_ref())
    }

    fn place_of(&self, path: &str, is_meant: &impl Fn(&T) -> bool) -> Option<usize> {
        self.below(0, path, is_meant)
    }

    fn below(&self, place: usize, path: &str, is_meant: &impl Fn(&T) -> bool) -> Option<usize> {
        let node = self.nodes.get(place)?;
        let is_here = |place: usize| {
            let here = self.nodes.get(place).and_then(|node| node.here.as_ref());
            here.is_some_and(is_meant).then_some(place)
        };
        let path = path.trim_start_matches('/');
        if path.is_empty() {
            return is_here(place);
        }
        let (segment, behind) = path.split_once('/').unwrap_or((path, ""));
        let bare = segment.split_once(';').map_or(segment, |(bare, _)| bare);
        let decoded = decode_path(bare.as_bytes());
        let text = std::str::from_utf8(&decoded).ok();
        let word = text.and_then(|text| node.words.get(text)).copied();
        let patterns =
            node.patterns.iter().filter(|(pattern, _)| text.is_some_and(|text| pattern.fits(text)));
        let mut next = word.into_iter().chain(patterns.map(|&(_, place)| place)).chain(node.any);
        next.find_map(|place| self.below(place, behind, is_meant)).or_else(|| is_here(node.rest?))
    }
}

enum Kind {
    Word,
    Any,
    Rest,
    Pattern(Pattern),
}

impl Kind {
    fn of(segment: &str) -> Self {
        let mut letters = Vec::new();
        let mut rest = segment;
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((name, behind)) = behind.split_once('}') else { break };
            if before.is_empty() && behind.is_empty() && letters.is_empty() {
                return if name.ends_with('+') { Self::Rest } else { Self::Any };
            }
            letters.push(before.into());
            rest = behind;
        }
        if letters.is_empty() {
            return Self::Word;
        }
        letters.push(rest.into());
        Self::Pattern(Pattern(letters))
    }
}

impl Pattern {
    /// Whether every parameter can stand for one letter or more.
    fn fits(&self, text: &str) -> bool {
        let [first, between @ .., last] = self.0.as_slice() else { return false };
        let Some(mut left) = text.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last)) else {
            return false;
        };
        for letters in between {
            // At least one letter belongs to the parameter before.
            let Some((at, _)) = left.char_indices().nth(1) else { return false };
            let Some(found) = left.get(at..).and_then(|behind| behind.find(&**letters)) else { return false };
            left = left.get(at + found + letters.len()..).unwrap_or_default();
        }
        !left.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(templates: &[&str]) -> Tree<String> {
        let mut tree = Tree::default();
        for template in templates {
            *tree.at(template).unwrap() = Some((*template).to_owned());
        }
        tree
    }

    #[test]
    fn words_come_before_patterns_before_parameters() {
        let tree = tree(&["/users/{id}", "/users/me", "/users/{id}.json", "/users/{id}/keys", "/{any}/me"]);
        let find = |path| tree.find(path, |_| true).map(String::as_str);
        assert_eq!(find("/users/me"), Some("/users/me"));
        assert_eq!(find("/users/7"), Some("/users/{id}"));
        assert_eq!(find("/users/7.json"), Some("/users/{id}.json"));
        assert_eq!(find("/users/me/keys"), Some("/users/{id}/keys"), "a word that leads nowhere is no word");
        assert_eq!(find("/teams/me"), Some("/{any}/me"));
        assert_eq!(find("/users"), None);
        assert_eq!(find("/users/7/keys/8"), None);
        assert_eq!(find("/"), None);
    }

    #[test]
    fn paths_are_compared_as_they_are_meant() {
        let tree = tree(&["/a%20b/", "/v{major}.{minor}/x", "/files/{path+}", "/"]);
        let find = |path| tree.find(path, |_| true).map(String::as_str);
        assert_eq!(find("/a%20b;jsessionid=1"), Some("/a%20b/"));
        assert_eq!(find("/v1.2/x"), Some("/v{major}.{minor}/x"));
        assert_eq!(find("/v1./x"), None);
        assert_eq!(find("/v.2/x"), None);
        assert_eq!(find("/files/a/b/c"), Some("/files/{path+}"));
        assert_eq!(find("/files"), None);
        assert_eq!(find(""), Some("/"));
    }

    proptest! {
        /// Whatever fills its parameters belongs to a template that stands alone.
        #[test]
        fn a_template_fits_what_is_made_of_it(words in prop::collection::vec("[a-z]{1,5}|\\{[a-z]{1,3}\\}", 1..8), filling in "[a-z0-9]{1,9}") {
            let template = format!("/{}", words.join("/"));
            let tree = tree(&[&template]);
            let path: Vec<&str> = words.iter().map(|word| if word.starts_with('{') { &filling } else { word.as_str() }).collect();
            let path = format!("/{}", path.join("/"));
            prop_assert_eq!(tree.find(&path, |_| true), Some(&template));
            let longer = format!("{path}/more");
            prop_assert_eq!(tree.find(&longer, |_| true), None);
        }
    }
}
