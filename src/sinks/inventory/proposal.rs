//! A label that an operator may want to give: the reason in words, and the lines to paste.
//! It is given an endpoint and what speaks for a label.
//! It promises TOML that can be pasted below any other; what belongs into a table of its own is a comment.

use heelguard_detectors::transaction::Endpoint;
use std::fmt::Write as _;

/// What a route can be told to be by what happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Login,
    Attempt,
    Enrolment,
    KeyIssue,
    Logout,
}

impl Step {
    pub(super) const ALL: &'static [Self] =
        &[Self::Login, Self::Attempt, Self::Enrolment, Self::KeyIssue, Self::Logout];
}

/// A label with what speaks for it.
pub(super) struct Proposal<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) step: Step,
    pub(super) sightings: u64,
    /// Exchanges that could have spoken for it.
    pub(super) of: u64,
    /// The field that gave it away, where its name is not known.
    pub(super) field: Option<&'a str>,
}

impl Proposal<'_> {
    /// The label's name in `identity.routes`.
    pub(super) fn label(&self) -> &'static str {
        match self.step {
            Step::Login => "login",
            Step::Attempt => "attempt",
            Step::Enrolment => "enrolment",
            Step::KeyIssue => "key_issue",
            Step::Logout => "logout",
        }
    }

    /// Why, in one sentence.
    pub(super) fn reason(&self) -> String {
        let (n, of) = (self.sightings, self.of);
        let field = self.field.map(|name| format!(" (`{name}`)")).unwrap_or_default();
        match self.step {
            Step::Login => format!(
                "{n} of {of} accepted calls carried a password{field} and were answered with a session or token"
            ),
            Step::Attempt => format!(
                "{n} of {of} accepted calls carried six to eight digits{field} within two minutes of a login by \
                 the same client, and were answered with a session or token"
            ),
            Step::Enrolment => {
                format!("{n} of {of} accepted calls were answered with a second factor's secret")
            }
            Step::KeyIssue => format!("{n} things that were handed out here were used as API keys later"),
            Step::Logout => format!("after {n} of {of} accepted calls the session was refused"),
        }
    }

    /// The lines for the configuration.
    pub(super) fn toml(&self) -> String {
        let mut text = String::new();
        match (self.step, self.field.map(quoted)) {
            (Step::Attempt, Some(name)) => {
                let _ = writeln!(text, "# and in [identity]: code_fields = [{name}]");
            }
            (Step::Login, Some(name)) => {
                let _ = writeln!(text, "# and in [identity]: password_fields = [{name}]");
            }
            _ => {}
        }
        let (path, method) = (quoted(&pattern(&self.endpoint.route)), quoted(&self.endpoint.method));
        let _ = writeln!(text, "[[identity.routes]]");
        let _ = writeln!(text, "path = {path}\nmethod = {method}\nlabels = [\"{}\"]", self.label());
        text
    }
}

/// A route as `identity.routes` writes it: `*` for a place, `**` for any rest.
fn pattern(route: &str) -> String {
    let segments = route.split('/').map(|segment| match segment {
        "{rest}" => "**",
        place if place.starts_with('{') && place.ends_with('}') => "*",
        word => word,
    });
    segments.collect::<Vec<_>>().join("/")
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proposed_is_toml_whatever_the_route_holds() {
        for route in ["/konto/{id}/schl\u{fc}ssel", "/a\"b/'c'/\\d", "/x/{slug}/{rest}", "/"] {
            let endpoint =
                Endpoint { method: "POST".into(), host: "api.example.com".into(), route: route.into() };
            let proposal = Proposal {
                endpoint: &endpoint,
                step: Step::Attempt,
                sightings: 3,
                of: 4,
                field: Some("za\"hl"),
            };
            let table: toml::Table = proposal.toml().parse().unwrap();
            let written = &table["identity"]["routes"][0];
            assert_eq!(written["path"].as_str().unwrap(), pattern(route));
            assert_eq!(written["labels"][0].as_str(), Some("attempt"));
        }
        assert_eq!(pattern("/x/{slug}/login/{rest}"), "/x/*/login/**");
    }
}
