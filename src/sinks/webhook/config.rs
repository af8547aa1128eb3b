//! What an operator says about a webhook, and whether it can be meant.
//! It is given a section of the configuration, `[sinks.<name>]` with `type = "webhook"`.
//! It promises messages that name the key and what is allowed; files and network are not touched.

use super::filter::Filter;
use crate::sinks::form::Form;
use crate::sinks::http::{check_url, is_plain_to_others};
use crate::sinks::spool::Lane;
use crate::sinks::tls::TlsFiles;
use hyper::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One destination of alerts.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to: `https://…`, or `${NAME}` for a variable of the environment; with `url_file` empty, too: off.
    pub url: String,
    /// A file that holds the URL, for those that are secrets, as Slack's.
    pub url_file: PathBuf,
    /// What is sent: `generic` (a record), `slack` (Block Kit), `pagerduty` (Events API v2).
    pub body: Body,
    /// The form of a generic body: `native`, `ocsf`, `ecs`, `eve`.
    pub form: Form,
    /// The key of the signature: `whsec_` and Base64, or any text; at least 24 bytes. Empty: not signed.
    pub secret: String,
    /// A file that holds it.
    pub secret_file: PathBuf,
    /// PagerDuty's integration key, 32 characters.
    pub routing_key: String,
    /// A file that holds it.
    pub routing_key_file: PathBuf,
    /// The least severity that is sent: `info`, `low`, `medium`, `high`, `critical`.
    pub severity_min: String,
    /// Only these rules, by id or name; none: all.
    pub rules: Vec<String>,
    /// Only these states of an episode: `open`, `update`, `closed`.
    pub statuses: Vec<String>,
    /// Further headers; a value may be `${NAME}` for a variable of the environment. With any, answers are not quoted.
    pub headers: BTreeMap<String, String>,
    /// Whether alerts may cross the network without TLS. To this machine they always may.
    pub allow_plain: bool,
    /// Authorities to trust (PEM), in place of the system's.
    pub ca_file: PathBuf,
    /// Our certificate with its chain (PEM), where the far side asks for one.
    pub cert_file: PathBuf,
    /// The key to it (PEM).
    pub key_file: PathBuf,
    /// How long an answer may take, in seconds.
    pub timeout_s: u64,
    /// How long after it was raised an alert is still tried, in hours; the first try after that is the last. A time
    /// before 2020 or in the future counts as no time.
    pub give_up_after_h: u64,
}

/// What a request carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// The record, in one of its forms.
    #[default]
    Generic,
    /// A message for a Slack-compatible incoming webhook.
    Slack,
    /// An event for a PagerDuty-compatible Events API v2.
    Pagerduty,
}

/// A batch must be through within half a minute, and holds at least one alert.
pub(super) const TIMEOUT_MAX_S: u64 = 25;

/// Four weeks; whoever is away longer reads the dead-letter file.
const GIVE_UP_MAX_H: u64 = 672;

/// What the request itself says.
const OWN_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "te",
    "transfer-encoding",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

impl Default for Config {
    fn default() -> Self {
        Self {
            url: String::new(),
            url_file: PathBuf::new(),
            body: Body::Generic,
            form: Form::Native,
            secret: String::new(),
            secret_file: PathBuf::new(),
            routing_key: String::new(),
            routing_key_file: PathBuf::new(),
            severity_min: "info".to_owned(),
            rules: Vec::new(),
            statuses: ["open", "update", "closed"].map(str::to_owned).to_vec(),
            headers: BTreeMap::new(),
            allow_plain: false,
            ca_file: PathBuf::new(),
            cert_file: PathBuf::new(),
            key_file: PathBuf::new(),
            timeout_s: 5,
            give_up_after_h: 72,
        }
    }
}

impl Config {
    /// Whether there is anywhere to send to.
    pub fn is_on(&self) -> bool {
        !self.url.is_empty() || !self.url_file.as_os_str().is_empty()
    }

    /// What it takes.
    pub fn lanes(&self) -> Vec<Lane> {
        vec![Lane::Alerts]
    }

    /// Whether it can be meant; `name` is the section's.
    pub fn check(&self, name: &str) -> Result<(), String> {
        let section = format!("sinks.{name}");
        if !self.url.is_empty() && !self.url.starts_with("${") {
            self.check_target(&section, &self.url)?;
        }
        self.check_body(&section)?;
        Filter::new(self, &section)?;
        self.headers.iter().try_for_each(|(header, value)| check_header(&section, header, value))?;
        self.tls(&section).check()?;
        between(&section, "timeout_s", self.timeout_s, TIMEOUT_MAX_S)?;
        between(&section, "give_up_after_h", self.give_up_after_h, GIVE_UP_MAX_H)
    }

    /// Whether alerts may be sent to `url`: it may be known only when the sink starts.
    pub(super) fn check_target(&self, section: &str, url: &str) -> Result<(), String> {
        let setting = format!("{section}.url");
        check_url(&setting, url)?;
        if !self.allow_plain && is_plain_to_others(url) {
            return Err(format!(
                "{setting}: alerts name users and addresses; use https://, or set {section}.allow_plain = true"
            ));
        }
        Ok(())
    }

    /// The files that TLS needs.
    pub(super) fn tls<'a>(&'a self, section: &'a str) -> TlsFiles<'a> {
        let Self { ca_file, cert_file, key_file, .. } = self;
        TlsFiles { section, ca_file, cert_file, key_file }
    }

    fn check_body(&self, section: &str) -> Result<(), String> {
        let has_key = !self.routing_key.is_empty() || !self.routing_key_file.as_os_str().is_empty();
        if self.body == Body::Pagerduty && self.is_on() && !has_key {
            return Err(format!(
                "{section}.routing_key: body = \"pagerduty\" needs the integration key, or routing_key_file"
            ));
        }
        if self.body != Body::Pagerduty && has_key {
            return Err(format!("{section}.routing_key is only for body = \"pagerduty\""));
        }
        if self.body != Body::Generic && self.form != Form::Native {
            return Err(format!("{section}.form is only for body = \"generic\""));
        }
        Ok(())
    }
}

fn check_header(section: &str, name: &str, value: &str) -> Result<(), String> {
    let setting = format!("{section}.headers.{name}");
    let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err(format!("{setting}: this is no name of a header"));
    };
    if OWN_HEADERS.contains(&header.as_str()) {
        return Err(format!("{setting}: the request sets this header itself"));
    }
    let is_variable = value.starts_with("${") && value.ends_with('}');
    if value.contains("${") && !is_variable {
        return Err(format!("{setting}: ${{NAME}} stands for a whole value"));
    }
    check_header_value(&setting, value)
}

/// Whether `value` can be the value of a header: it may be known only when the sink starts.
pub(super) fn check_header_value(setting: &str, value: &str) -> Result<(), String> {
    let fits = HeaderValue::from_str(value).is_ok_and(|value| value.to_str().is_ok());
    if fits { Ok(()) } else { Err(format!("{setting}: allowed are visible ASCII characters and spaces")) }
}

fn between(section: &str, key: &str, value: u64, max: u64) -> Result<(), String> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(format!("{section}.{key} = {value}: allowed is 1 to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), String> {
        let config: Config = toml::from_str(text).unwrap();
        config.check("pager")
    }

    fn refused(text: &str) -> String {
        check(text).unwrap_err()
    }

    #[test]
    fn the_default_is_off_and_fits() {
        assert!(!Config::default().is_on());
        assert_eq!(Config::default().check("pager"), Ok(()));
        assert_eq!(check("url = 'https://hooks.example.com/x'\nsecret = '${HOOK}'"), Ok(()));
        assert_eq!(check("url_file = '/run/secrets/slack'\nbody = 'slack'"), Ok(()));
    }

    #[test]
    fn without_tls_only_this_machine_is_told() {
        for url in ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:1/"] {
            assert_eq!(check(&format!("url = '{url}'")), Ok(()), "{url}");
        }
        for url in ["http://10.0.0.1/x", "http://hooks.example.com/", "http://127.0.0.1.example.com/"] {
            let message = refused(&format!("url = '{url}'"));
            assert!(message.starts_with("sinks.pager.url: ") && message.contains("allow_plain"), "{message}");
            assert_eq!(check(&format!("url = '{url}'\nallow_plain = true")), Ok(()), "{url}");
        }
        assert!(refused("url = 'ftp://x/'").starts_with("sinks.pager.url: allowed is http://"));
    }

    #[test]
    fn settings_that_belong_together_come_together() {
        let url = "url = 'https://events.pagerduty.com/v2/enqueue'";
        let missing = refused(&format!("{url}\nbody = 'pagerduty'"));
        assert!(missing.starts_with("sinks.pager.routing_key: "), "{missing}");
        assert_eq!(refused("routing_key = 'x'"), "sinks.pager.routing_key is only for body = \"pagerduty\"");
        assert_eq!(
            refused("body = 'slack'\nform = 'ecs'"),
            "sinks.pager.form is only for body = \"generic\""
        );
        assert!(refused("cert_file = 'a'").contains("sinks.pager.key_file"));
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(refused("timeout_s = 0"), "sinks.pager.timeout_s = 0: allowed is 1 to 25");
        assert_eq!(
            refused("give_up_after_h = 673"),
            "sinks.pager.give_up_after_h = 673: allowed is 1 to 672"
        );
    }

    #[test]
    fn headers_are_headers_and_not_ours() {
        assert_eq!(check("headers = { Authorization = '${TOKEN}', X-Team = 'blue' }"), Ok(()));
        let part = refused("headers = { Authorization = 'Bearer ${TOKEN}' }");
        assert_eq!(part, "sinks.pager.headers.Authorization: ${NAME} stands for a whole value");
        assert!(refused("headers = { 'a b' = 'x' }").ends_with("this is no name of a header"));
        assert!(refused("headers = { Webhook-Id = 'x' }").ends_with("the request sets this header itself"));
        let split = refused("headers = { X = \"a\\r\\nHost: b\" }");
        assert_eq!(split, "sinks.pager.headers.X: allowed are visible ASCII characters and spaces");
    }
}
