//! The routes of one host, and the places in them that became parameters.
//! It is given templates that are new, in event order, and gives the route each belongs to.
//! It promises that a place holds a bounded number of words, and that words with a meaning stay words.

use crate::identity::labels::{self, Labels};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What stands where any word may.
const SLUG: &str = "{slug}";
/// What a template's places are called: these are not words.
const PLACES: &[&str] = &["{id}", "{uuid}", "{email}", "{date}", "{slug}", "{secret}", "{rest}", "{other}"];

/// Pieces of a word that says what a route is for: `api-key-export`.
const TELLING_PIECES_MAX: usize = 3;

/// What was learned of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Host {
    /// Each route, and whether it was answered with 2xx.
    routes: BTreeMap<Arc<str>, bool>,
    proven: usize,
    /// What proven routes have behind each beginning: `/articles` has the titles.
    words: BTreeMap<Box<str>, Words>,
    /// Beginnings behind which any word may stand.
    slugs: BTreeSet<Box<str>>,
}

/// The words at one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Words {
    plain: BTreeSet<Box<str>>,
    /// Words that say what a route is for: `login`, `export`. They stay when the others become one.
    telling: BTreeSet<Box<str>>,
}

impl Host {
    pub(super) fn from_parts(
        routes: BTreeMap<Arc<str>, bool>,
        slugs: BTreeSet<Box<str>>,
        words_max: usize,
    ) -> Self {
        let mut host = Self { routes, slugs, ..Self::default() };
        host.settle(words_max);
        host
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = (&Arc<str>, bool)> {
        self.routes.iter().map(|(route, &proven)| (route, proven))
    }

    pub(super) fn slug_places(&self) -> impl Iterator<Item = &str> {
        self.slugs.iter().map(|place| &**place)
    }

    pub(super) fn slugs(&self) -> usize {
        self.slugs.len()
    }

    /// Routes, and those of them that were never answered with 2xx.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.routes.len(), self.routes.len() - self.proven)
    }

    pub(super) fn is_proven(&self) -> bool {
        self.proven > 0
    }

    /// Takes in a route of which nothing is known.
    pub(super) fn add(&mut self, route: Arc<str>) {
        self.routes.insert(route, false);
    }

    /// Writes the route of `template` to `out`.
    pub(super) fn route_of(&self, template: &str, words_max: usize, out: &mut String) {
        out.clear();
        let Some(path) = template.strip_prefix('/').filter(|_| !self.slugs.is_empty()) else {
            return out.push_str(template);
        };
        for segment in path.split('/') {
            let any = is_word(segment) && self.slugs.contains(out.as_str()) && {
                let words = self.words.get(out.as_str());
                !words.map_or(is_telling(segment), |words| words.keep(segment, words_max))
            };
            out.push('/');
            out.push_str(if any { SLUG } else { segment });
        }
    }

    /// Counts the words of a route that is proven now. Gives the first place that has too many.
    pub(super) fn prove(&mut self, route: &str, words_max: usize) -> Option<Box<str>> {
        if let Some(proven) = self.routes.get_mut(route) {
            self.proven += usize::from(!*proven);
            *proven = true;
        }
        self.take_words(route, words_max)
    }

    fn take_words(&mut self, route: &str, words_max: usize) -> Option<Box<str>> {
        let mut full = None;
        let mut at = 0;
        for segment in route.strip_prefix('/')?.split('/') {
            let place = route.get(..at).unwrap_or_default();
            at += 1 + segment.len();
            if !is_word(segment) {
                continue;
            }
            if !self.words.contains_key(place) {
                self.words.insert(place.into(), Words::default());
            }
            let Some(words) = self.words.get_mut(place) else { continue };
            words.take(segment);
            if words.plain.len() > words_max && full.is_none() {
                full = Some(place.into());
            }
        }
        full
    }

    /// Makes the place behind `beginning` a parameter: routes that differ there only become one.
    pub(super) fn open(&mut self, beginning: Box<str>, words_max: usize) {
        self.slugs.insert(beginning);
        self.settle(words_max);
    }

    /// Writes all places and routes anew until no place has too many words and all are written as themselves: a place
    /// that became a parameter is part of the beginning of others.
    fn settle(&mut self, words_max: usize) {
        loop {
            let mut renamed = Self::default();
            let mut draft = String::new();
            for place in &self.slugs {
                self.route_of(place, words_max, &mut draft);
                renamed.slugs.insert(draft.as_str().into());
            }
            for (route, &proven) in &self.routes {
                self.route_of(route, words_max, &mut draft);
                let known = if *draft == **route { route.clone() } else { Arc::from(draft.as_str()) };
                *renamed.routes.entry(known).or_default() |= proven;
            }
            let is_settled = renamed.routes == self.routes && renamed.slugs == self.slugs;
            *self = renamed;
            self.proven = self.routes.values().filter(|&&proven| proven).count();
            let proven: Vec<_> = self.routes.iter().filter(|(_, proven)| **proven).collect();
            let proven: Vec<Arc<str>> = proven.into_iter().map(|(route, _)| route.clone()).collect();
            let full = proven.iter().fold(None, |full, route| full.or(self.take_words(route, words_max)));
            match full {
                Some(place) => {
                    self.slugs.insert(place);
                }
                None if is_settled => return,
                None => {}
            }
        }
    }
}

impl Words {
    /// Whether this word stays what it is where any word may stand. Of too many, the first of the alphabet stay.
    fn keep(&self, word: &str, words_max: usize) -> bool {
        if self.telling.contains(word) {
            return self.telling.len() <= words_max
                || self.telling.iter().take(words_max).any(|w| **w == *word);
        }
        self.telling.len() < words_max && is_telling(word)
    }

    fn take(&mut self, word: &str) {
        let list = if is_telling(word) { &mut self.telling } else { &mut self.plain };
        if !list.contains(word) {
            list.insert(word.into());
        }
    }
}

fn is_word(segment: &str) -> bool {
    !segment.is_empty() && !PLACES.contains(&segment)
}

/// A title that speaks of passwords is a title still.
fn is_telling(word: &str) -> bool {
    word.split(['-', '_', '.']).count() <= TELLING_PIECES_MAX
        && labels::of_segment(word.as_bytes()) != Labels::NONE
}
