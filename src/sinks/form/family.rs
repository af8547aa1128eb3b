//! The families of rules, as other schemas sort them: signature numbers and categories.
//! It is given a rule's id, `MFA-01`: a family and a number within it.
//! It promises a number that stays with its rule for ever, as the ids themselves do.

/// Rules that begin with the same three letters.
pub(super) struct Family {
    code: &'static str,
    /// Never changed and never given to another family.
    number: u32,
    /// What its rules are about.
    pub(super) name: &'static str,
    /// `event.category` of the Elastic Common Schema.
    pub(super) ecs: &'static [&'static str],
}

const INTRUSION: &str = "intrusion_detection";

static FAMILIES: [Family; 10] = [
    Family {
        code: "MFA",
        number: 1,
        name: "Multi-factor authentication",
        ecs: &["authentication", INTRUSION],
    },
    Family { code: "GEO", number: 2, name: "Location", ecs: &["authentication", INTRUSION] },
    Family { code: "DEV", number: 3, name: "Device", ecs: &["authentication", INTRUSION] },
    Family { code: "TIM", number: 4, name: "Timing", ecs: &["authentication", INTRUSION] },
    Family { code: "KEY", number: 5, name: "Keys and credentials", ecs: &["authentication", INTRUSION] },
    Family { code: "JWT", number: 6, name: "Tokens", ecs: &["authentication", INTRUSION] },
    Family { code: "SES", number: 7, name: "Sessions", ecs: &["session", INTRUSION] },
    Family { code: "EXF", number: 8, name: "Extraction", ecs: &["web", INTRUSION] },
    Family { code: "ABU", number: 9, name: "Abuse of logins", ecs: &["authentication", INTRUSION] },
    Family { code: "POS", number: 10, name: "Posture", ecs: &["configuration", "web"] },
];

/// Numbers from 1,000,000 to 1,999,999 are left to local rules; ours begin here.
const SIGNATURES_FROM: u32 = 1_940_000;

/// The family of a rule.
pub(super) fn family(rule: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| rule.split('-').next() == Some(family.code))
}

/// The signature number of a rule in EVE: 1,940,000, and a hundred for each family before it, and the rule's own
/// number: `MFA-01` is 1940101, `POS-06` is 1941006.
pub fn signature_id(rule: &str) -> Option<u32> {
    let (_, number) = rule.split_once('-')?;
    let number: u32 = number.parse().ok().filter(|number| (1..100).contains(number))?;
    Some(SIGNATURES_FROM + family(rule)?.number * 100 + number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use heelguard_detectors::rules::catalogue;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_has_a_number_of_its_own() {
        let numbers: BTreeSet<u32> =
            catalogue().iter().map(|entry| signature_id(entry.rule.id).expect(entry.rule.id)).collect();
        assert_eq!(numbers.len(), catalogue().len());
    }

    #[test]
    fn numbers_that_are_out_in_the_world_do_not_change() {
        let known = [("MFA-01", 1_940_101), ("KEY-08", 1_940_508), ("POS-06", 1_941_006)];
        for (rule, number) in known {
            assert_eq!(signature_id(rule), Some(number), "{rule}");
        }
    }

    #[test]
    fn what_is_no_rule_has_no_number() {
        for rule in ["", "MFA", "MFA-", "MFA-00", "MFA-100", "ZZZ-01", "MFA-01x", "mfa-01"] {
            assert_eq!(signature_id(rule), None, "{rule}");
        }
    }
}
