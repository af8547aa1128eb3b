//! Whether a host serves tests or production, as far as its name tells.
//! It is given the host of a request, with its port where it has one.
//! It promises to say nothing of addresses and of names that are known inside alone.

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// Real data of real people.
    Production,
    /// Tests, demonstrations, work in progress.
    Test,
}

/// Words in the names of hosts for tests, without a number behind them.
const TEST_WORDS: &[&str] = &[
    "test",
    "tests",
    "testing",
    "tst",
    "staging",
    "stage",
    "stg",
    "sandbox",
    "sbx",
    "dev",
    "develop",
    "development",
    "qa",
    "uat",
    "preprod",
    "nonprod",
    "preview",
    "demo",
    "integration",
    "ci",
];
/// What stands between a name and its country: `co.uk`.
const SECOND_LEVEL: &[&str] = &["co", "com", "org", "net", "gov", "ac", "edu"];

impl Zone {
    pub(super) fn of(host: &str) -> Option<Self> {
        let name = without_port(host).trim_end_matches('.');
        let (before, top) = name.rsplit_once('.')?;
        match top {
            // RFC 6761 and RFC 9476: names that are nobody's.
            "test" | "localhost" => return Some(Self::Test),
            "local" | "internal" | "lan" | "alt" => return None,
            _ if top.bytes().all(|b| b.is_ascii_digit()) => return None,
            _ => {}
        }
        // Who owns the name chose it for other reasons: a word counts in front of it.
        let (front, owned) = before.rsplit_once('.').unwrap_or(("", before));
        let front = match front.rsplit_once('.') {
            Some((front, _)) if SECOND_LEVEL.contains(&owned) => front,
            None if SECOND_LEVEL.contains(&owned) => "",
            _ => front,
        };
        let is_test = |word: &str| TEST_WORDS.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit()));
        Some(if front.split(['.', '-', '_']).any(is_test) { Self::Test } else { Self::Production })
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.contains(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells() {
        let test = "api.test.example.com api-staging.example.com:8443 qa2.shop.example.co.uk sandbox.example.org \
                    uat-7.example.com shop.test localhost.localhost dev.api.eu.example.com";
        for host in test.split_whitespace() {
            assert_eq!(Zone::of(host), Some(Zone::Test), "{host}");
        }
        let production = "api.example.com example.com dev.to test.de testing.co.uk api.test-company.com \
                          attestation.example.com latest.example.com api.example.com:443 device.example.com";
        for host in production.split_whitespace() {
            assert_eq!(Zone::of(host), Some(Zone::Production), "{host}");
        }
        for host in
            ["10.0.0.7", "10.0.0.7:80", "[2001:db8::1]:443", "2001:db8::1", "gateway", "", "api.internal"]
        {
            assert_eq!(Zone::of(host), None, "{host}");
        }
    }
}
