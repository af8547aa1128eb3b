//! Whom a name or number means: user, group, and the groups beside it.
//! It is given the name and asks `/etc/passwd` and `/etc/group`; where they do not know it, `getent` and `id`, which also
//! ask directories such as LDAP.
//! It promises never to guess: a name that nobody knows is an error.

use std::process::{Command, Stdio};

/// Somebody that the process can become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    /// The name.
    pub(super) name: String,
    /// The number.
    pub(super) uid: u32,
    /// The group files are made with.
    pub(super) gid: u32,
    /// All groups, that one among them, in order.
    pub(super) groups: Vec<u32>,
}

impl User {
    /// Whom `wanted`, a name or a number, means.
    pub(super) fn find(wanted: &str) -> Result<Self, String> {
        if wanted.is_empty() || wanted.starts_with('-') || wanted.contains([':', '\n']) {
            return Err(format!("--user: `{wanted}` is no user name"));
        }
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        if let Some(mut user) = in_passwd(&read("/etc/passwd"), wanted) {
            user.join(in_group(&read("/etc/group"), &user.name));
            return Ok(user);
        }
        let known = ask("getent", &["passwd", wanted]).and_then(|line| in_passwd(&line, wanted));
        let Some(mut user) = known else {
            return Err(format!(
                "--user {wanted}: there is no such user; make one with \
                 `useradd --system --no-create-home --shell /usr/sbin/nologin {wanted}`"
            ));
        };
        let groups = ask("id", &["-G", &user.name])
            .ok_or_else(|| format!("--user {wanted}: `id -G {}` does not tell the groups", user.name))?;
        user.join(groups.split_ascii_whitespace().filter_map(|group| group.parse().ok()).collect());
        Ok(user)
    }

    fn join(&mut self, others: Vec<u32>) {
        self.groups = others;
        self.groups.push(self.gid);
        self.groups.sort_unstable();
        self.groups.dedup();
    }
}

/// A user in the text of `/etc/passwd`: `name:password:uid:gid:…`. A name comes before a number that looks like it.
fn in_passwd(text: &str, wanted: &str) -> Option<User> {
    let users = || text.lines().filter_map(user_of);
    users()
        .find(|user| user.name == wanted)
        .or_else(|| wanted.parse().ok().and_then(|uid: u32| users().find(|user| user.uid == uid)))
}

fn user_of(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(User { name, uid, gid, groups: vec![gid] })
}

/// The groups in the text of `/etc/group` that name a user as a member: `group:password:gid:member,member`.
fn in_group(text: &str, name: &str) -> Vec<u32> {
    let member = |line: &str| {
        let mut fields = line.split(':').skip(2);
        let gid = fields.next()?.parse().ok()?;
        fields.next()?.split(',').any(|member| member.trim() == name).then_some(gid)
    };
    text.lines().filter_map(member).collect()
}

/// What a program of the system says. Root asks here: the caller's search path is not used.
fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let asked = ["/usr/bin", "/bin"].iter().find_map(|folder| {
        let mut command = Command::new(format!("{folder}/{program}"));
        command.args(arguments).env_clear().stdin(Stdio::null()).stderr(Stdio::null()).output().ok()
    })?;
    asked.status.success().then(|| String::from_utf8_lossy(&asked.stdout).into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        # a remark\n:x:7:7::/:/bin/false\nbroken:x:many:0::/:/bin/false\n\
        heelguard:x:998:997:sensor:/nonexistent:/usr/sbin/nologin\n1000:x:1234:1234::/:/bin/false\n\
        anna:x:1000:1000:Anna:/home/anna:/bin/bash\n";
    const GROUP: &str =
        "root:x:0:\nadm:x:4:syslog,heelguard\nheelguard:x:997:\nssl-cert:x:115:heelguard\nguard:x:9:heel\n";

    #[test]
    fn a_name_or_a_number_is_found_with_its_groups() {
        let mut user = in_passwd(PASSWD, "heelguard").unwrap();
        user.join(in_group(GROUP, "heelguard"));
        assert_eq!((user.uid, user.gid, user.groups.as_slice()), (998, 997, &[4, 115, 997][..]));
        assert_eq!(in_passwd(PASSWD, "998").unwrap().name, "heelguard");
        // Somebody may be called by a number, and then that is who is meant.
        assert_eq!(in_passwd(PASSWD, "1000").unwrap().uid, 1234);
    }

    #[test]
    fn nobody_is_guessed() {
        for wanted in ["heel", "broken", "", "nobody-at-all", "7x", "-1"] {
            assert_eq!(in_passwd(PASSWD, wanted), None, "{wanted}");
        }
        for wanted in ["", "--help", "a:b", "nobody-has-this-name"] {
            let said = User::find(wanted).unwrap_err();
            assert!(said.starts_with("--user"), "{said}");
        }
    }

    #[test]
    fn everybody_finds_root_here() {
        let root = User::find("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
    }
}
