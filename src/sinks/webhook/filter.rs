//! Which alerts are worth a request.
//! It is given the severity, rules and states that the configuration names.
//! It promises that an unknown name is refused at start: a filter that matches nothing would be silence.

use super::config::Config;
use crate::sinks::form::native::Alert;
use heelguard_detectors::alert::{Severity, Status};
use heelguard_detectors::rules::catalogue;

/// What is let through.
pub(super) struct Filter {
    severity_min: Severity,
    /// Ids; none means all.
    rules: Vec<&'static str>,
    statuses: Vec<Status>,
}

impl Filter {
    /// The filter that the configuration means.
    pub(super) fn new(config: &Config, section: &str) -> Result<Self, String> {
        let severity_min = Severity::parse(&config.severity_min).ok_or_else(|| {
            unknown(section, "severity_min", &config.severity_min, &names(Severity::ALL, Severity::name))
        })?;
        let rules = config.rules.iter().map(|name| rule(section, name)).collect::<Result<_, _>>()?;
        let statuses = config.statuses.iter().map(|name| {
            Status::parse(name)
                .ok_or_else(|| unknown(section, "statuses", name, &names(Status::ALL, Status::name)))
        });
        let statuses = statuses.collect::<Result<Vec<_>, _>>()?;
        if statuses.is_empty() {
            return Err(format!("{section}.statuses is empty: nothing would be sent"));
        }
        Ok(Self { severity_min, rules, statuses })
    }

    /// Whether the alert is let through.
    pub(super) fn takes(&self, alert: &Alert<'_>) -> bool {
        alert.severity >= self.severity_min
            && self.statuses.contains(&alert.status)
            && (self.rules.is_empty() || self.rules.contains(&&*alert.rule))
    }
}

fn rule(section: &str, name: &str) -> Result<&'static str, String> {
    let mut rules = catalogue().iter().map(|entry| entry.rule);
    let found = rules.find(|rule| rule.id == name || rule.name == name);
    found
        .map(|rule| rule.id)
        .ok_or_else(|| format!("{section}.rules: {name:?} is no rule; `heelguard rules` lists ids and names"))
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> String {
    all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ")
}

fn unknown(section: &str, key: &str, value: &str, allowed: &str) -> String {
    format!("{section}.{key}: {value:?} is not one of {allowed}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::escape::write_json;
    use crate::sinks::record::{AlertRecord, samples};
    use heelguard_detectors::alert::Alert as Raised;

    fn takes(config: &str, alert: &Raised) -> bool {
        let filter = Filter::new(&toml::from_str(config).unwrap(), "sinks.pager").unwrap();
        let mut body = Vec::new();
        write_json(&mut body, &AlertRecord::new(alert, &samples::labels())).unwrap();
        filter.takes(&Alert::parse(&body).unwrap())
    }

    /// The sample is `MFA-01`, medium, open.
    #[test]
    fn each_filter_has_two_sides() {
        let alert = samples::alert();
        for config in
            ["", "severity_min = 'medium'", "rules = ['MFA-01', 'MFA-02']", "rules = ['mfa_failure_burst']"]
        {
            assert!(takes(config, &alert), "{config}");
        }
        for config in
            ["severity_min = 'high'", "rules = ['MFA-02']", "statuses = ['closed']", "statuses = ['update']"]
        {
            assert!(!takes(config, &alert), "{config}");
        }
    }

    #[test]
    fn names_that_mean_nothing_are_refused() {
        let message = |config: &str| {
            Filter::new(&toml::from_str(config).unwrap(), "sinks.pager").err().unwrap_or_default()
        };
        assert_eq!(
            message("severity_min = 'urgent'"),
            "sinks.pager.severity_min: \"urgent\" is not one of info, low, medium, high, critical"
        );
        assert_eq!(
            message("statuses = ['opened']"),
            "sinks.pager.statuses: \"opened\" is not one of open, update, closed"
        );
        assert_eq!(message("statuses = []"), "sinks.pager.statuses is empty: nothing would be sent");
        assert!(message("rules = ['MFA-1']").starts_with("sinks.pager.rules: \"MFA-1\" is no rule"));
    }
}
