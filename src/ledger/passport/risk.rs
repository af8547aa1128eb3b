//! How much a key is worth looking at first: the sum of its reasons' weights, and the reasons in words.
//! It is given the key's passport and nothing else.
//! It promises a number that orders keys and means no more than that.

use super::Passport;
use crate::ledger::gaps::counted;
use heelguard_detectors::identity::{CredentialKind, Location};

/// A key that nobody used for so long can be switched off.
pub const DORMANT_DAYS: u64 = 30;
/// More networks than a program usually calls from.
pub const NETWORKS_MAX: u64 = 3;

/// A score and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Risk {
    /// The sum of the reasons' weights.
    pub score: u64,
    /// As they are told, the weightiest first.
    pub reasons: Vec<String>,
}

impl Passport<'_> {
    /// What may be wrong with it.
    pub fn risk(&self) -> Risk {
        let mut risk = Risk::default();
        for (weight, words) in self.reasons().into_iter().flatten() {
            risk.score += weight;
            risk.reasons.push(words);
        }
        risk
    }

    /// From how many networks it was used; at least, where there were many.
    pub fn networks(&self) -> u64 {
        self.of.addresses.len() as u64 + self.of.addresses.given_up
    }

    fn reasons(&self) -> [Option<(u64, String)>; 11] {
        let key = self.of;
        let when = |applies: bool, weight: u64, words: String| applies.then_some((weight, words));
        let is_in_address = matches!(key.location, Location::Query | Location::Path | Location::Userinfo);
        let owners = key.owners.len() as u64 + key.owners.given_up;
        let networks = self.networks();
        let at_once = self.lasting.at_once.networks.count;
        [
            key.known.map(|known| (100, format!("others have it, too ({})", known.why))),
            when(
                key.around_mfa > 0,
                40,
                format!("{} around its owner’s second factor", calls(key.around_mfa)),
            ),
            when(key.privileged > 0, 30, counted(key.privileged, "privileged call", "privileged calls")),
            when(is_in_address, 20, format!("travels in the address ({})", key.location)),
            when(owners > 1, 20, format!("used for {owners} accounts")),
            when(
                matches!(key.kind, CredentialKind::Basic),
                10,
                "a password that comes with every request".to_owned(),
            ),
            when(
                networks > NETWORKS_MAX,
                10,
                format!("used from {networks} networks, {at_once} within one hour"),
            ),
            when(key.countries.len() > 1, 10, format!("used from {} countries", key.countries.len())),
            when(self.is_old(), 10, format!("at least {} days old", self.age_days)),
            when(self.idle_days > DORMANT_DAYS, 10, format!("unused for {} days", self.idle_days)),
            self.replaced_by.map(|by| {
                let other = by.other.to_string();
                (10, format!("replaced by {}, and still there", other.get(..8).unwrap_or(&other)))
            }),
        ]
    }
}

fn calls(number: u64) -> String {
    counted(number, "call", "calls")
}

#[cfg(test)]
mod tests {
    use crate::ledger::Ledger;
    use crate::ledger::passport::passports;
    use heelguard_detectors::story::transactions;

    /// What is said of the keys of a story, with the score.
    fn told(story: &str) -> Vec<(u64, String)> {
        let ledger = Ledger::default();
        transactions(story).unwrap().iter().for_each(|tx| ledger.observe(tx));
        let now = ledger.overview().span.unwrap().1;
        let credentials = ledger.credentials();
        let mut keys: Vec<_> =
            passports(&credentials, now).iter().map(super::super::Passport::risk).collect();
        keys.sort_by_key(|risk| risk.score);
        keys.into_iter().map(|risk| (risk.score, risk.reasons.join("; "))).collect()
    }

    fn one(story: &str) -> (u64, String) {
        told(story).pop().unwrap()
    }

    #[test]
    fn a_key_of_a_program_that_does_its_work_has_no_reason() {
        assert_eq!(
            one("09:00:00 203.0.113.{7,8,9} -> use GET /a 200 service=batch key=k1 proof=api_key"),
            (0, String::new())
        );
    }

    #[test]
    fn each_reason_alone() {
        for (story, score, words) in [
            (
                "use GET /a 200 user=ann key=k1 proof=api_key has_mfa",
                40,
                "1 call around its owner’s second factor",
            ),
            ("use GET /a 200 service=batch key=k1 proof=api_key labels=users", 30, "1 privileged call"),
            ("use GET /a 200 user={ann,bob} key=k1 proof=api_key x2", 20, "used for 2 accounts"),
        ] {
            assert_eq!(
                one(&format!("09:00:00 203.0.113.7 -> {story}")),
                (score, words.to_owned()),
                "{story}"
            );
        }
        let networks = |count: u64| {
            one(&format!("09:00:00 203.0.113.{{1..{count}}} -> use GET /a 200 key=k1 proof=api_key"))
        };
        assert_eq!(
            (networks(3).0, networks(4)),
            (0, (10, "used from 4 networks, 4 within one hour".to_owned()))
        );
    }

    #[test]
    fn age_and_silence_count_from_their_day_on() {
        let after = |days: u32, last: &str| {
            one(&format!(
                "09:00:00 203.0.113.7 -> use GET /a 200 key=k1 proof=api_key\n{days}d+09:00:00 203.0.113.7 -> use GET /{last}"
            ))
        };
        assert_eq!(after(89, "a 200 key=k1 proof=api_key"), (0, String::new()));
        assert_eq!(after(90, "a 200 key=k1 proof=api_key"), (10, "at least 90 days old".to_owned()));
        assert_eq!(after(30, "health 200"), (0, String::new()));
        assert_eq!(after(31, "health 200"), (10, "unused for 31 days".to_owned()));
    }

    #[test]
    fn the_one_that_was_replaced_is_still_there() {
        let story =
            "09:00:00 203.0.113.7 -> use GET /{a,b} 200 service=copy key=old proof=api_key every 1h x48
             3d+09:00:00 203.0.113.7 -> use GET /{a,b} 200 service=copy key=new proof=api_key every 1h x48";
        let [new, old] = told(story).try_into().unwrap_or_else(|keys| panic!("{keys:?}"));
        assert_eq!((new.0, old.0), (0, 10));
        assert!(old.1.starts_with("replaced by ") && old.1.ends_with(", and still there"), "{old:?}");
    }
}
