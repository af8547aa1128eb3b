//! Who the process is and what it may do, as the kernel tells in `/proc/self/status`.
//! It is given that text and gives users, groups, capabilities and threads; it judges whether rights are really gone.
//! It promises to read nothing else, and that a field which is missing is an error, never a zero.

use super::user::User;

/// Capabilities by their bits, from capability.h.
const SETGID: u64 = 1 << 6;
const SETUID: u64 = 1 << 7;
const SETPCAP: u64 = 1 << 8;
const NET_RAW: u64 = 1 << 13;

/// One reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Status {
    /// Real, effective, saved and file system user.
    pub(in crate::cli) users: [u32; 4],
    groups_of: [u32; 4],
    groups: Vec<u32>,
    pub(in crate::cli) threads: u32,
    inheritable: u64,
    pub(super) permitted: u64,
    effective: u64,
    bounding: u64,
    ambient: u64,
    no_new_privs: bool,
}

impl Status {
    /// Reads it for the calling process.
    pub(in crate::cli) fn read() -> Result<Self, String> {
        let path = "/proc/self/status";
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot tell what this process may do: {path}: {error}"))?;
        Self::parse(&text)
            .ok_or_else(|| format!("cannot tell what this process may do: {path} is not understood"))
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        let numbers = |name| {
            field(name)?.split_ascii_whitespace().map(|word| word.parse().ok()).collect::<Option<Vec<u32>>>()
        };
        let capabilities = |name| u64::from_str_radix(field(name)?, 16).ok();
        Some(Self {
            users: numbers("Uid")?.try_into().ok()?,
            groups_of: numbers("Gid")?.try_into().ok()?,
            groups: numbers("Groups")?,
            threads: field("Threads")?.parse().ok()?,
            inheritable: capabilities("CapInh")?,
            permitted: capabilities("CapPrm")?,
            effective: capabilities("CapEff")?,
            bounding: capabilities("CapBnd")?,
            ambient: capabilities("CapAmb")?,
            no_new_privs: field("NoNewPrivs")? == "1",
        })
    }

    /// Whether interfaces can be opened.
    pub(in crate::cli) fn may_capture(&self) -> bool {
        self.permitted & NET_RAW != 0
    }

    /// Whether it runs as root.
    pub(in crate::cli) fn is_root(&self) -> bool {
        self.users[1] == 0
    }

    /// Whether nothing but the right to capture is there.
    pub(in crate::cli) fn is_modest(&self) -> bool {
        self.permitted & !NET_RAW == 0
    }

    /// Whether no program it starts gets more rights than it has.
    pub(in crate::cli) fn is_bound(&self) -> bool {
        self.no_new_privs
    }

    /// Whether there is nothing to give up: the right to capture is there, in effect, and no other in any set.
    pub(super) fn is_all_it_keeps(&self) -> bool {
        (self.permitted, self.effective, self.inheritable & !NET_RAW) == (NET_RAW, NET_RAW, 0)
    }

    pub(super) fn may_change_user(&self) -> bool {
        self.effective & (SETUID | SETGID) == SETUID | SETGID
    }

    pub(super) fn may_shrink_bounds(&self) -> bool {
        self.effective & SETPCAP != 0
    }

    /// Whether the process is this user already, with the group and no other.
    pub(super) fn is(&self, user: &User) -> bool {
        let mut groups = self.groups.clone();
        groups.sort_unstable();
        self.users == [user.uid; 4] && self.groups_of == [user.gid; 4] && groups == user.groups
    }

    /// Whether this is what was wanted of `before`; an error names what is not.
    pub(super) fn holds_to(&self, before: &Self, user: Option<&User>, keeps: bool) -> Result<(), String> {
        let wanted = if keeps { NET_RAW } else { 0 };
        let is_who = match user {
            Some(user) => self.is(user),
            None => (self.users, self.groups_of) == (before.users, before.groups_of),
        };
        let wrong = [
            ("user and groups", is_who),
            ("permitted capabilities", self.permitted == wanted),
            ("effective capabilities", self.effective == wanted),
            ("inheritable capabilities", self.inheritable == 0 || keeps && before.is_all_it_keeps()),
            ("ambient capabilities", self.ambient == 0),
            ("bounding set", !before.may_shrink_bounds() || self.bounding & !NET_RAW == 0),
            ("no_new_privs", self.no_new_privs),
        ];
        match wrong.iter().find(|(_, holds)| !holds) {
            None => Ok(()),
            Some((what, _)) => Err(format!("rights were given up, but the kernel says otherwise: {what}")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::*;

    const ROOT: &str = "Name:\theelguard\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0 4 \nThreads:\t1\n\
        CapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\n\
        CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\n";
    const SHED: &str = "Uid:\t998\t998\t998\t998\nGid:\t997\t997\t997\t997\nGroups:\t997 \nThreads:\t1\n\
        CapInh:\t0000000000000000\nCapPrm:\t0000000000002000\nCapEff:\t0000000000002000\n\
        CapBnd:\t0000000000002000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n";

    fn heelguard() -> User {
        User { name: "heelguard".to_owned(), uid: 998, gid: 997, groups: vec![997] }
    }

    #[test]
    fn root_may_everything_and_a_shed_process_may_capture() {
        let (root, shed) = (Status::parse(ROOT).unwrap(), Status::parse(SHED).unwrap());
        assert!(root.is_root() && root.may_capture() && root.may_change_user() && !root.is_modest());
        assert!(!shed.is_root() && shed.may_capture() && !shed.may_change_user() && shed.is_modest());
        assert!(shed.is(&heelguard()) && !root.is(&heelguard()));
        assert_eq!(shed.holds_to(&root, Some(&heelguard()), true), Ok(()));
    }

    #[test]
    fn whatever_is_left_over_is_named() {
        let root = Status::parse(ROOT).unwrap();
        for (from, to, named) in [
            ("Uid:\t998\t998\t998", "Uid:\t998\t998\t0", "user and groups"),
            ("Groups:\t997", "Groups:\t997 0", "user and groups"),
            ("CapPrm:\t0000000000002000", "CapPrm:\t0000000000002080", "permitted"),
            ("CapEff:\t0000000000002000", "CapEff:\t0000000000000000", "effective"),
            ("CapInh:\t0000000000000000", "CapInh:\t0000000000002000", "inheritable"),
            ("CapAmb:\t0000000000000000", "CapAmb:\t0000000000002000", "ambient"),
            ("CapBnd:\t0000000000002000", "CapBnd:\t0000000000002001", "bounding"),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "no_new_privs"),
        ] {
            let after = Status::parse(&SHED.replace(from, to)).unwrap();
            let said = after.holds_to(&root, Some(&heelguard()), true).unwrap_err();
            assert!(said.contains(named), "{from}: {said}");
        }
    }

    #[test]
    fn what_a_service_manager_gave_alone_may_stay_inheritable() {
        // As with AmbientCapabilities=: the kernel wants it inheritable for that.
        let given = SHED.replace("CapInh:\t0000000000000000", "CapInh:\t0000000000002000");
        let (given, root) = (Status::parse(&given).unwrap(), Status::parse(ROOT).unwrap());
        assert!(given.is_all_it_keeps() && !root.is_all_it_keeps());
        assert_eq!(given.holds_to(&given, None, true), Ok(()));
        assert!(given.holds_to(&root, Some(&heelguard()), true).is_err());
    }

    #[test]
    fn a_field_that_is_missing_is_no_zero() {
        for line in SHED.lines() {
            assert_eq!(Status::parse(&SHED.replace(line, "")), None, "{line}");
        }
    }
}
