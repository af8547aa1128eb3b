//! The words of a story that are about the life of sessions, tokens and things for one use.
//! It is given a transaction with a credential, and one word.
//! It promises to refuse what it does not know, as every word of a story does.

use super::time::duration;
use crate::session::{EndCause, OneTime, Reuse, Session};
use crate::time::EventTime;
use crate::transaction::Transaction;

/// The words with a value that `set` understands.
pub(super) const WORDS: &[&str] = &["reuse", "ended", "rotated", "proved"];

/// Sets what `name=value` says of the session.
pub(super) fn set(tx: &mut Transaction, name: &str, value: &str) -> Result<(), String> {
    let now = tx.end;
    match name {
        "reuse" => tx.reuse = Some(reuse(now, value)?),
        "ended" => {
            let (cause, ago) = value.split_once(':').ok_or("ended is cause:ago")?;
            let cause = EndCause::parse(cause).ok_or("no such cause of an end")?;
            of(tx)?.ended = Some((cause, now.before(duration(ago)?)));
        }
        "proved" => of(tx)?.mfa_since = Some(now.before(duration(value)?)),
        "rotated" => of(tx)?.rotated = Some(value.parse().map_err(|_| "rotated is true or false")?),
        _ => return Err(format!("`{name}` is no word")),
    }
    Ok(())
}

/// The session of the first credential; its start was not seen until a word says so.
pub(super) fn of(tx: &mut Transaction) -> Result<&mut Session, String> {
    let id = tx.credentials.first().ok_or("a session wants a credential first")?.fingerprint;
    Ok(tx.session.get_or_insert(Session {
        id,
        since: tx.time,
        issued_in_sight: false,
        mfa_since: None,
        renewals: 0,
        ended: None,
        rotated: None,
    }))
}

/// `refresh_token:5m` was used first five minutes ago by the same client; `refresh_token:5m:other` by another.
fn reuse(now: EventTime, value: &str) -> Result<Reuse, String> {
    let (what, since) = value.split_once(':').ok_or("reuse is what:ago or what:ago:other")?;
    let (ago, same_client) = match since.split_once(':') {
        None => (since, true),
        Some((ago, "other")) => (ago, false),
        Some(_) => return Err("reuse is what:ago or what:ago:other".into()),
    };
    let what = OneTime::parse(what).ok_or("no such thing for one use")?;
    Ok(Reuse { what, first: now.before(duration(ago)?), same_client })
}
