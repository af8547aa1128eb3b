//! What was found: a state, words, and what mends it; and all of it as text or JSON.
//! It is given findings and gives a line each.
//! It promises one line a finding, whatever names and messages hold, and the same facts in both forms.

use crate::sinks::escape::{for_terminal, write_json_line};
use serde::Serialize;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Nothing to do.
    Ok,
    /// The sensor works, but sees or keeps less than it could.
    Warn,
    /// The sensor does not work, or not as configured.
    Bad,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) check: &'static str,
    /// Which of them, where there are several: an interface, a sink.
    pub(super) about: Option<String>,
    pub(super) state: State,
    /// What was found.
    pub(super) found: String,
    /// The command or the step that mends it.
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn new(check: &'static str, state: State, found: impl Into<String>) -> Self {
        Self { check, about: None, state, found: found.into(), mend: None }
    }

    /// Of this interface or sink.
    pub(super) fn about(self, about: impl Into<String>) -> Self {
        Self { about: Some(about.into()), ..self }
    }

    /// Mended by this.
    pub(super) fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    fn line(&self) -> String {
        let about = self.about.as_ref().map(|about| format!("{about}: ")).unwrap_or_default();
        let mend = self.mend.as_ref().map(|mend| format!("; {mend}")).unwrap_or_default();
        let line = format!("{:<5} {:<11} {about}{}{mend}", self.state.name(), self.check, self.found);
        // A message of several lines stays one finding.
        for_terminal(&line.replace(['\n', '\r'], " ")).into_owned()
    }
}

/// Everything that was found.
pub(super) struct Report(pub(super) Vec<Finding>);

/// The wire form.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    ok: usize,
    warn: usize,
    bad: usize,
    findings: &'a [Finding],
}

impl Report {
    pub(super) fn text(&self) -> String {
        let lines = self.0.iter().map(|finding| finding.line() + "\n");
        let [ok, warn, bad] = [State::Ok, State::Warn, State::Bad].map(|state| self.count(state));
        lines.chain([format!("{ok} ok, {warn} warn, {bad} bad\n")]).collect()
    }

    pub(super) fn json(&self) -> String {
        let [ok, warn, bad] = [State::Ok, State::Warn, State::Bad].map(|state| self.count(state));
        let document = Document { schema: "heelguard.doctor/1", ok, warn, bad, findings: &self.0 };
        let mut line = Vec::new();
        // Writing text to memory cannot fail.
        let _ = write_json_line(&mut line, &document);
        String::from_utf8_lossy(&line).into_owned()
    }

    /// What is bad, in a line; `None` when nothing is.
    pub(super) fn bad(&self) -> Option<String> {
        let bad = self.0.iter().filter(|finding| finding.state == State::Bad);
        let names: Vec<String> = bad
            .map(|finding| match &finding.about {
                Some(about) => format!("{} ({about})", finding.check),
                None => finding.check.to_owned(),
            })
            .collect();
        (!names.is_empty()).then(|| format!("the sensor would not work here: {}", names.join(", ")))
    }

    fn count(&self, state: State) -> usize {
        self.0.iter().filter(|finding| finding.state == state).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn report() -> Report {
        Report(vec![
            Finding::new("rights", State::Ok, "CAP_NET_RAW is there"),
            Finding::new("mtu", State::Warn, "1500").about("eth1").mend("run `ip link set eth1 mtu 1600`"),
            Finding::new("sinks", State::Bad, "refused\nby \u{1b}[31mitself").about("sinks.kafka"),
        ])
    }

    #[test]
    fn a_finding_is_one_line_and_cannot_paint_the_terminal() {
        expect![[r#"
            ok    rights      CAP_NET_RAW is there
            warn  mtu         eth1: 1500; run `ip link set eth1 mtu 1600`
            bad   sinks       sinks.kafka: refused by \u{1b}[31mitself
            1 ok, 1 warn, 1 bad
        "#]]
        .assert_eq(&report().text());
    }

    #[test]
    fn what_is_bad_is_named() {
        assert_eq!(report().bad().as_deref(), Some("the sensor would not work here: sinks (sinks.kafka)"));
        assert_eq!(Report(vec![Finding::new("rights", State::Warn, "")]).bad(), None);
    }

    #[test]
    fn programs_get_the_same_facts() {
        expect![[r#"
            {"schema":"heelguard.doctor/1","ok":1,"warn":1,"bad":1,"findings":[{"check":"rights","about":null,"state":"ok","found":"CAP_NET_RAW is there","mend":null},{"check":"mtu","about":"eth1","state":"warn","found":"1500","mend":"run `ip link set eth1 mtu 1600`"},{"check":"sinks","about":"sinks.kafka","state":"bad","found":"refused\nby \u001b[31mitself","mend":null}]}
        "#]].assert_eq(&report().json());
    }
}
