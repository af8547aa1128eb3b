//! What an exchange holds, fit to be written: names that hide secrets, account names and values.
//! It is given what was found in the messages, and what of this exchange is secret.
//! It promises each name once with each of its types, and that a name which holds a secret is masked whole.

use super::Extractor;
use crate::http::Exchange;
use crate::identity::answer::Answer;
use crate::identity::contents::{Found, NAME_BYTES_MAX, bytes_looked_at};
use crate::identity::credential::{Presented, is_ticket};
use crate::identity::request::Asking;
use crate::identity::text::{Looks, MASK, NAME};
use crate::metrics::ContentsCounters;
use heelguard_detectors::contents::{Contents, Field, Parameter, ValueType};
use std::sync::Arc;

impl Extractor {
    /// What was looked into.
    pub fn contents_counters(&self) -> &ContentsCounters {
        &self.looked
    }

    /// What request and answer hold, where they are looked into.
    pub(super) fn contents(
        &mut self,
        exchange: &Exchange,
        asked: &Asking<'_>,
        answer: Option<&Answer<'_>>,
    ) -> Option<Box<Contents>> {
        let bytes_max = bytes_looked_at(exchange.ordinal)?;
        if exchange.request.is_none() || asked.is_grpc() {
            return None;
        }
        let mut found = Found::default();
        found.query(asked.query);
        found.body(asked.text, asked.content_type, bytes_max, &self.settings.fields);
        if let Some(answer) = answer {
            found.answer(answer.text, bytes_max, &self.settings.answers);
        }
        // Hardly ever is one of them in a name: all names are compared at once.
        let holds_secret = asked.presented.is_within(&found.names);
        self.looked.looked += 1;
        self.looked.cut += u64::from(found.is_cut);
        self.looked.left_out += u64::from(found.left_out);
        let mut contents = Contents {
            parameters: Vec::with_capacity(found.parameters().len()),
            fields: Vec::with_capacity(found.fields().len()),
            classes: found.classes(),
        };
        for (place, name, kind) in found.parameters() {
            // A name without a value may be the value.
            let is_value = kind == ValueType::Null && is_ticket(name);
            let name = if is_value { MASK.into() } else { self.way(name, holds_secret, &asked.presented) };
            let parameter = Parameter { place, name, kind };
            if !found.repeats || !contents.parameters.contains(&parameter) {
                contents.parameters.push(parameter);
            }
        }
        for (name, kind) in found.fields() {
            let field = Field { name: self.way(name, holds_secret, &asked.presented), kind };
            if !found.repeats || !contents.fields.contains(&field) {
                contents.fields.push(field);
            }
        }
        Some(Box::new(contents))
    }

    /// The way to a member or the name of a parameter, as it may be written. How its words look was judged when it was
    /// found: names are longer than words, and in two cases.
    fn way(&mut self, raw: &[u8], may_hold_secret: bool, presented: &Presented<'_>) -> Arc<str> {
        let looks = self.texts.looks(raw);
        let is_spoilt = looks.tells
            || (may_hold_secret || looks.coded) && presented.spoils(raw, Looks { secret: false, ..looks });
        if is_spoilt {
            return MASK.into();
        }
        if self.may_name(raw) && self.names_somebody(raw) {
            return NAME.into();
        }
        self.texts.share(raw, NAME_BYTES_MAX)
    }

    /// Whether an account's name stands in a way to a member, as a step of it or as several: names have dots in them.
    fn names_somebody(&self, way: &[u8]) -> bool {
        let way = way.to_ascii_lowercase();
        let is_border = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        self.hidden_names.iter().any(|name| {
            let name = name.to_ascii_lowercase();
            memchr::memmem::find_iter(&way, name.as_bytes()).any(|at| {
                let before = at.checked_sub(1).and_then(|before| way.get(before));
                is_border(before) && is_border(way.get(at + name.len()))
            })
        })
    }
}
