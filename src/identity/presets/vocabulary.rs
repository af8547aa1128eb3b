//! What several presets say together, for each table: names with what they are, words with what they mean, routes.
//! It is given layers of presets, the operator's own files before the built-in ones.
//! It promises that within a layer a name means one thing, or an error names both files.

use super::format::{Preset, Roles};
use super::roles;
use super::routes::Routes;
use crate::identity::markers::{self, Marker};
use crate::identity::tables::{Answered, Cookie, Field, RequestHeader, ResponseHeader};
use heelguard_detectors::identity::Factor;
use std::collections::BTreeMap;

/// Names in order of precedence: of two equal ones the first counts.
#[derive(Default)]
pub(crate) struct Vocabulary {
    pub(crate) headers: Vec<(String, RequestHeader)>,
    pub(crate) answer_headers: Vec<(String, ResponseHeader)>,
    pub(crate) cookies: Vec<(String, Cookie)>,
    pub(crate) fields: Vec<(String, Field)>,
    pub(crate) answers: Vec<(String, Answered)>,
    pub(crate) words: Vec<(String, Marker)>,
    pub(crate) phrases: Vec<(String, Marker)>,
    pub(crate) factors: Vec<(String, Factor)>,
    /// One for each layer that has any.
    pub(crate) routes: Vec<Routes>,
}

impl Vocabulary {
    /// Adds a layer below those that were added before.
    pub(crate) fn add(&mut self, layer: &[&Preset]) -> Result<(), String> {
        self.headers.extend(gather(layer, "headers", roles::HEADERS, lower, |p| &p.headers)?);
        self.answer_headers
            .extend(gather(layer, "answer_headers", roles::ANSWER_HEADERS, lower, |p| &p.answer_headers)?);
        self.cookies.extend(gather(layer, "cookies", roles::COOKIES, lower, |p| &p.cookies)?);
        self.fields.extend(gather(layer, "fields", roles::FIELDS, lower, |p| &p.fields)?);
        self.answers.extend(gather(layer, "answers", roles::ANSWERS, lower, |p| &p.answers)?);
        self.words.extend(gather(layer, "words", roles::WORDS, markers::spelled, |p| &p.words)?);
        self.phrases.extend(gather(layer, "phrases", roles::WORDS, markers::spelled, |p| &p.phrases)?);
        self.factors.extend(gather(layer, "factors", roles::FACTORS, letters, |p| &p.factors)?);
        let routes = layer.iter().flat_map(|p| p.routes.iter().map(|route| (p.file.as_str(), route)));
        let routes = Routes::new(routes)?;
        if !routes.is_empty() {
            self.routes.push(routes);
        }
        Ok(())
    }
}

/// The names of one table, each spelled as it is looked up.
fn gather<T: Copy + PartialEq>(
    layer: &[&Preset],
    table: &str,
    roles: &[(&str, T)],
    spell: fn(&str) -> String,
    of: fn(&Preset) -> &Roles,
) -> Result<Vec<(String, T)>, String> {
    let mut names = Vec::new();
    let mut said: BTreeMap<String, (T, &str, &str)> = BTreeMap::new();
    for &preset in layer {
        let file = preset.file.as_str();
        for (role_name, spellings) in of(preset) {
            let role = roles::role(roles, role_name)
                .map_err(|allowed| format!("{file}: `{table}.{role_name}` is not known; {allowed}"))?;
            for written in spellings {
                let name = spell(written);
                if name.is_empty() || name.contains(char::is_whitespace) {
                    return Err(format!(
                        "{file}: {table}.{role_name}: `{written}` is no name; wanted letters, digits, `_`, `-` or `.`"
                    ));
                }
                let (told, told_name, told_file) =
                    *said.entry(one_spelling(&name)).or_insert((role, role_name, file));
                if told != role {
                    return Err(format!(
                        "{table}: `{written}` is `{told_name}` in {told_file} and `{role_name}` in {file}; \
                         a name means one thing: say it by a route's label or factor"
                    ));
                }
                names.push((name, role));
            }
        }
    }
    Ok(names)
}

/// Kebab, snake and camel case are one name.
fn one_spelling(name: &str) -> String {
    let inner = name.trim_start_matches(['_', '.']);
    let (prefix, _) = name.split_at(name.len() - inner.len());
    format!("{prefix}{}", inner.replace(['_', '-'], ""))
}

fn lower(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

/// Factors are named by letters and digits alone.
fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
