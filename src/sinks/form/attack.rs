//! Names of the ATT&CK techniques that rules point to, and the tactic that each serves here.
//! It is given an id, `T1110.001`; the table is facts of MITRE ATT&CK for Enterprise.
//! It promises the id alone for a technique that is not in the table: nothing is guessed.

/// What stands behind an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Technique<'a> {
    /// The technique, without what follows a dot.
    pub(super) id: &'a str,
    /// Its name.
    pub(super) name: Option<&'static str>,
    /// The id as given and the name, if it is a sub-technique.
    pub(super) sub: Option<(&'a str, Option<&'static str>)>,
    /// Id and name of the tactic.
    pub(super) tactic: Option<(&'static str, &'static str)>,
}

/// The names of `id`.
pub(super) fn technique(id: &str) -> Technique<'_> {
    let parent = id.split('.').next().unwrap_or(id);
    let row = TECHNIQUES.iter().find(|(known, ..)| *known == parent);
    let sub_name = || SUB_TECHNIQUES.iter().find(|(known, _)| *known == id).map(|(_, name)| *name);
    Technique {
        id: parent,
        name: row.map(|(_, name, _)| *name),
        sub: (parent != id).then(|| (id, sub_name())),
        tactic: row.map(|(.., tactic)| *tactic),
    }
}

const RECONNAISSANCE: (&str, &str) = ("TA0043", "Reconnaissance");
const INITIAL_ACCESS: (&str, &str) = ("TA0001", "Initial Access");
const PERSISTENCE: (&str, &str) = ("TA0003", "Persistence");
const DEFENSE_EVASION: (&str, &str) = ("TA0005", "Defense Evasion");
const CREDENTIAL_ACCESS: (&str, &str) = ("TA0006", "Credential Access");
const DISCOVERY: (&str, &str) = ("TA0007", "Discovery");
const LATERAL_MOVEMENT: (&str, &str) = ("TA0008", "Lateral Movement");
const COLLECTION: (&str, &str) = ("TA0009", "Collection");
const EXFILTRATION: (&str, &str) = ("TA0010", "Exfiltration");
const IMPACT: (&str, &str) = ("TA0040", "Impact");

/// A technique that serves several tactics stands under the one that the rules mean.
static TECHNIQUES: [(&str, &str, (&str, &str)); 24] = [
    ("T1020", "Automated Exfiltration", EXFILTRATION),
    ("T1040", "Network Sniffing", CREDENTIAL_ACCESS),
    ("T1078", "Valid Accounts", INITIAL_ACCESS),
    ("T1087", "Account Discovery", DISCOVERY),
    ("T1098", "Account Manipulation", PERSISTENCE),
    ("T1110", "Brute Force", CREDENTIAL_ACCESS),
    ("T1111", "Multi-Factor Authentication Interception", CREDENTIAL_ACCESS),
    ("T1119", "Automated Collection", COLLECTION),
    ("T1136", "Create Account", PERSISTENCE),
    ("T1190", "Exploit Public-Facing Application", INITIAL_ACCESS),
    ("T1213", "Data from Information Repositories", COLLECTION),
    ("T1499", "Endpoint Denial of Service", IMPACT),
    ("T1528", "Steal Application Access Token", CREDENTIAL_ACCESS),
    ("T1530", "Data from Cloud Storage", COLLECTION),
    ("T1539", "Steal Web Session Cookie", CREDENTIAL_ACCESS),
    ("T1550", "Use Alternate Authentication Material", LATERAL_MOVEMENT),
    ("T1552", "Unsecured Credentials", CREDENTIAL_ACCESS),
    ("T1556", "Modify Authentication Process", CREDENTIAL_ACCESS),
    ("T1557", "Adversary-in-the-Middle", CREDENTIAL_ACCESS),
    ("T1562", "Impair Defenses", DEFENSE_EVASION),
    ("T1567", "Exfiltration Over Web Service", EXFILTRATION),
    ("T1595", "Active Scanning", RECONNAISSANCE),
    ("T1606", "Forge Web Credentials", CREDENTIAL_ACCESS),
    ("T1621", "Multi-Factor Authentication Request Generation", CREDENTIAL_ACCESS),
];

static SUB_TECHNIQUES: [(&str, &str); 12] = [
    ("T1078.004", "Cloud Accounts"),
    ("T1098.001", "Additional Cloud Credentials"),
    ("T1098.005", "Device Registration"),
    ("T1110.001", "Password Guessing"),
    ("T1110.003", "Password Spraying"),
    ("T1110.004", "Credential Stuffing"),
    ("T1499.004", "Application or System Exploitation"),
    ("T1550.001", "Application Access Token"),
    ("T1550.004", "Web Session Cookie"),
    ("T1552.001", "Credentials In Files"),
    ("T1556.006", "Multi-Factor Authentication"),
    ("T1595.003", "Wordlist Scanning"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_technique_that_a_rule_names_is_in_the_table() {
        for entry in heelguard_detectors::rules::catalogue() {
            for id in entry.rule.mitre {
                let known = technique(id);
                assert!(known.name.is_some() && known.tactic.is_some(), "{id}");
                assert!(known.sub.is_none_or(|(_, name)| name.is_some()), "{id}");
            }
        }
    }

    #[test]
    fn a_sub_technique_stands_under_its_technique() {
        let stuffing = technique("T1110.004");
        assert_eq!((stuffing.id, stuffing.name), ("T1110", Some("Brute Force")));
        assert_eq!(stuffing.sub, Some(("T1110.004", Some("Credential Stuffing"))));
        assert_eq!(stuffing.tactic, Some(CREDENTIAL_ACCESS));
        assert_eq!(technique("T1110").sub, None);
    }

    #[test]
    fn an_unknown_one_keeps_its_id_and_gets_no_name() {
        let unknown = Technique { id: "T9999", name: None, sub: Some(("T9999.001", None)), tactic: None };
        assert_eq!(technique("T9999.001"), unknown);
    }
}
