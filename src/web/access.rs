//! Who may look at the page: this machine alone, or whoever knows the operator's token.
//! It is given a request's words and says whether its sender is known; a token that was typed in becomes a signed mark
//! that the browser keeps.
//! It promises that the token is compared as a whole, whichever part of it differs, and that a mark ends with its time
//! or with the process.

use super::site::Asked;
use crate::sinks::secret;
use std::path::Path;
use zeroize::Zeroizing;

/// A shorter token could be guessed.
const TOKEN_CHARS_MIN: usize = 32;
/// A working day and the shift after it.
const MARK_S: u64 = 12 * 3_600;
/// The cookie with the mark.
const MARK: &str = "heelguard";

/// What a sender must know.
pub(super) struct Access {
    /// Of the token, under the key of this process; `None` where loopback is guard enough.
    token: Option<blake3::Hash>,
    key: Zeroizing<[u8; 32]>,
    /// Whether the page comes over TLS, so that the mark may be kept from all else.
    is_sealed: bool,
}

impl Access {
    /// Loopback alone: nobody is asked.
    pub(super) fn of_loopback() -> Self {
        Self { token: None, key: Zeroizing::new([0; 32]), is_sealed: false }
    }

    /// Reads the token's file; without one, loopback alone.
    pub(super) fn read(token_file: &Path, is_sealed: bool) -> Result<Self, String> {
        match secret::resolve("web.token", "", token_file)? {
            None => Ok(Self { is_sealed, ..Self::of_loopback() }),
            Some(token) if token.chars().count() < TOKEN_CHARS_MIN => Err(format!(
                "web.token_file {}: a token has {TOKEN_CHARS_MIN} letters or more; make one with `openssl rand -hex 32`",
                token_file.display()
            )),
            Some(token) => Self::of_token(&token, is_sealed),
        }
    }

    fn of_token(token: &str, is_sealed: bool) -> Result<Self, String> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(|error| format!("no random bytes: {error}"))?;
        let token = Some(blake3::keyed_hash(&key, token.as_bytes()));
        Ok(Self { token, key, is_sealed })
    }

    /// Whether a sender is asked for the token.
    pub(super) fn is_guarded(&self) -> bool {
        self.token.is_some()
    }

    /// Whether the page answers under this name. A page of somewhere else that calls itself this host (DNS rebinding)
    /// has no mark, so with a token any name will do.
    pub(super) fn answers_to(&self, host: &str) -> bool {
        self.is_guarded() || is_loopback(host)
    }

    /// Whether a request comes with the token or with a mark that has not ended.
    pub(super) fn knows(&self, asked: &Asked<'_>, now_s: u64) -> bool {
        let bearer = asked.authorization.and_then(|value| value.split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        !self.is_guarded()
            || bearer.is_some_and(|(_, token)| self.is_token(token.trim()))
            || asked.cookie.is_some_and(|cookie| marks(cookie).any(|mark| self.is_mark(mark, now_s)))
    }

    pub(super) fn is_token(&self, token: &str) -> bool {
        self.token.is_some_and(|known| known == blake3::keyed_hash(&self.key, token.as_bytes()))
    }

    /// A mark for a sender who knew the token, as a cookie. A link from elsewhere may carry it, a form may not.
    pub(super) fn mark(&self, now_s: u64) -> String {
        let end = (now_s + MARK_S).to_string();
        let seal = blake3::keyed_hash(&self.key, mark_text(&end).as_bytes());
        let secure = if self.is_sealed { "; Secure" } else { "" };
        format!("{MARK}={end}.{seal}; Path=/; HttpOnly; SameSite=Lax; Max-Age={MARK_S}{secure}")
    }

    fn is_mark(&self, mark: &str, now_s: u64) -> bool {
        let Some((end, seal)) = mark.split_once('.') else { return false };
        let sealed = blake3::keyed_hash(&self.key, mark_text(end).as_bytes());
        blake3::Hash::from_hex(seal).is_ok_and(|seal| seal == sealed)
            && end.parse::<u64>().is_ok_and(|end| end > now_s)
    }
}

/// What is sealed of a mark: no token looks like that.
fn mark_text(end: &str) -> String {
    format!("mark until {end}")
}

/// The values of our cookie among all of them.
fn marks(cookie: &str) -> impl Iterator<Item = &str> {
    let pairs = cookie.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == MARK).map(|(_, value)| value)
}

/// Whether a `Host` header names this machine's loopback; the port may be a tunnel's.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name.to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    const NOW_S: u64 = 1_800_000_000;

    fn guarded() -> Access {
        Access::of_token(TOKEN, true).unwrap()
    }

    fn knows(access: &Access, authorization: Option<&str>, cookie: Option<&str>, now_s: u64) -> bool {
        access.knows(&Asked { authorization, cookie, ..Asked::default() }, now_s)
    }

    #[test]
    fn who_has_the_token_is_known_and_nobody_else() {
        let access = guarded();
        assert!(knows(&access, Some(&format!("Bearer {TOKEN}")), None, NOW_S));
        assert!(knows(&access, Some(&format!("bearer  {TOKEN}")), None, NOW_S));
        let other = TOKEN.replace('f', "e");
        for wrong in [&other, &TOKEN[1..], &format!("{TOKEN}0"), "", "mark until 1800043200"] {
            assert!(!knows(&access, Some(&format!("Bearer {wrong}")), None, NOW_S), "{wrong:?}");
        }
        assert!(!knows(&access, Some(&format!("Basic {TOKEN}")), None, NOW_S));
        assert!(!knows(&access, Some(TOKEN), None, NOW_S) && !knows(&access, None, None, NOW_S));
        assert!(knows(&Access::of_loopback(), None, None, NOW_S), "loopback asks nobody");
    }

    #[test]
    fn a_mark_ends_with_its_time_and_with_its_process() {
        let access = guarded();
        let cookie = access.mark(NOW_S);
        for wanted in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/", "; Max-Age=43200"] {
            assert!(cookie.contains(wanted), "{cookie} lacks {wanted}");
        }
        let pair = cookie.split(';').next().unwrap();
        let among = format!("theme=dark; {pair}; x=y");
        assert!(
            knows(&access, None, Some(&among), NOW_S) && knows(&access, None, Some(pair), NOW_S + MARK_S - 1)
        );
        assert!(!knows(&access, None, Some(pair), NOW_S + MARK_S), "its time is over");
        assert!(!knows(&guarded(), None, Some(pair), NOW_S), "another process");
        let longer = pair.replace("=18", "=19");
        assert!(
            longer != pair && !knows(&access, None, Some(&longer), NOW_S),
            "a later end under the same seal"
        );
        for wrong in ["heelguard=", "heelguard=.", "heelguard=1900000000.", "heelguard", "="] {
            assert!(!knows(&access, None, Some(wrong), NOW_S), "{wrong:?}");
        }
        assert!(!Access::of_token(TOKEN, false).unwrap().mark(NOW_S).contains("Secure"));
    }

    #[test]
    fn a_token_that_could_be_guessed_is_refused_with_how_to_make_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "hunter2hunter2\n").unwrap();
        let why = Access::read(&file, true).err().unwrap();
        assert!(why.starts_with("web.token_file /") && why.ends_with("`openssl rand -hex 32`"), "{why}");
        assert!(!why.contains("hunter"), "{why}");
        std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
        assert!(Access::read(&file, true).is_ok_and(|access| access.is_token(TOKEN)));
        let missing = Access::read(Path::new("/nowhere/token"), true).err().unwrap();
        assert!(missing.starts_with("web.token_file /nowhere/token: No such file"), "{missing}");
        assert!(Access::read(Path::new(""), true).is_ok_and(|access| !access.is_guarded()));
    }

    #[test]
    fn without_a_token_only_names_of_loopback_are_answered() {
        let names = ["localhost", "LOCALHOST:9470", "127.0.0.1:1", "[::1]:9470", "[::1]"];
        let others = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:9470", ""];
        let open = Access::of_loopback();
        assert!(names.iter().all(|name| open.answers_to(name)));
        assert!(!others.iter().any(|name| open.answers_to(name)));
        assert!(others.iter().all(|name| guarded().answers_to(name)));
    }
}
