//! What an answer tells that is no JSON: the messages of gRPC, read elsewhere field by field.
//! It is given what was found in them, by what it means.
//! It promises that such an answer is judged by the same words and under the same limits as any other.

use super::{Answer, FACTORS_MAX};
use crate::identity::clues::HandleKind;
use crate::identity::settings::Settings;
use heelguard_detectors::identity::Factor;
use std::borrow::Cow;

impl<'a> Answer<'a> {
    /// A sentence that says what went wrong.
    pub(crate) fn reason(&mut self, words: &[u8], settings: &Settings) {
        self.mark(words, settings);
    }

    /// Something handed out in a body that is no JSON.
    pub(crate) fn hand_out(&mut self, kind: HandleKind, value: Cow<'a, [u8]>) {
        self.in_body = true;
        self.issue(kind, value, false);
    }

    /// A factor to choose.
    pub(crate) fn offer(&mut self, factor: Factor) {
        if self.factors.len() < FACTORS_MAX {
            self.factors.push(factor);
        }
    }
}
