//! The tables of the memory, one after the other: accounts, lines, handles, proofs.
//! Accounts are referred to by their serial number, lines by the order in which their handles first name them.
//! It promises to write everything that can reach an answer, and nothing that depends on where a table keeps it.

use super::RestoreError;
use super::wire::{Reader, Writer};
use crate::identity::clues::HandleKind;
use crate::identity::lineage::Lineage;
use crate::identity::lineage::accounts::{Account, AccountId, Accounts, Cut, Factors, Slot};
use crate::identity::lineage::handles::{End, Handles, Held, Line, Proved, Word};
use crate::identity::lineage::names::{Name, Sort};
use crate::identity::lineage::order::Tenure;
use crate::identity::lineage::spend::Use;
use ahash::RandomState;
use heelguard_detectors::identity::{Factor, PrincipalKind, ProofLevel};
use heelguard_detectors::session::EndCause;
use heelguard_detectors::transaction::Device;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

const KINDS: &[HandleKind] = &[
    HandleKind::Session,
    HandleKind::Access,
    HandleKind::Refresh,
    HandleKind::Challenge,
    HandleKind::Code,
    HandleKind::ApiKey,
];
const WORDS: &[Word] = &[Word::Given, Word::Answered, Word::Claimed];

type Restored<T> = Result<T, RestoreError>;
/// Accounts by serial number.
type Serials = HashMap<u64, AccountId, RandomState>;

pub(super) fn save(lineage: &Lineage, out: &mut Writer) {
    save_accounts(&lineage.accounts, out);
    save_handles(&lineage.handles, out);
    out.u32(lineage.proofs.iter().count() as u32);
    for (mark, first) in lineage.proofs.iter() {
        out.u64(mark);
        save_use(first, out);
    }
}

pub(super) fn restore(lineage: &mut Lineage, input: &mut Reader<'_>) -> Restored<()> {
    let serials = restore_accounts(&mut lineage.accounts, input)?;
    restore_handles(&mut lineage.handles, &serials, input)?;
    for _ in 0..input.u32()? {
        let mark = input.u64()?;
        lineage.proofs.restore(mark, restore_use(input)?);
    }
    Ok(())
}

fn save_accounts(accounts: &Accounts, out: &mut Writer) {
    out.u64(accounts.next);
    out.u32(accounts.slots.len() as u32);
    for (place, tenure) in accounts.order.iter() {
        let Some((serial, slot)) = accounts.slots.get(place) else { continue };
        save_tenure(tenure, out);
        out.u64(*serial);
        match slot {
            Slot::MergedInto(other) => {
                out.flag(false);
                out.u64(other.serial);
            }
            Slot::Known { account, names } => {
                out.flag(true);
                save_account(account, names, out);
            }
        }
    }
}

fn save_account(account: &Account, names: &[Name], out: &mut Writer) {
    out.text(&account.name);
    out.choice(PrincipalKind::ALL, &account.kind);
    out.u16(account.factors.0);
    out.flag(account.proved);
    out.option(account.cut, |out, cut| {
        save_end((cut.cause, cut.at), out);
        out.option(cut.kept, Writer::fingerprint);
    });
    out.u8(names.len() as u8);
    for name in names {
        out.choice(&Sort::ALL, &name.sort);
        out.text(&name.realm);
        out.text(&name.text);
    }
}

fn restore_accounts(accounts: &mut Accounts, input: &mut Reader<'_>) -> Restored<Serials> {
    accounts.next = input.u64()?;
    let (mut serials, mut realms) = (Serials::default(), HashMap::default());
    let mut merged = Vec::new();
    for _ in 0..input.u32()? {
        let (tenure, serial) = (restore_tenure(input)?, input.u64()?);
        let slot = if input.flag()? {
            restore_account(input, &mut realms)?
        } else {
            // The account it became may have been forgotten since.
            let into = input.u64()?;
            merged.push((serial, into));
            Slot::MergedInto(AccountId::of_nobody(into))
        };
        serials.insert(serial, accounts.put_back(serial, slot, tenure));
    }
    for (serial, into) in merged {
        let ids = serials.get(&serial).zip(serials.get(&into));
        if let Some((merged, into)) = ids
            && let Some((_, slot)) = accounts.slots.get_mut(merged.place).filter(|(at, _)| *at == serial)
        {
            *slot = Slot::MergedInto(*into);
        }
    }
    Ok(serials)
}

fn restore_account(
    input: &mut Reader<'_>,
    realms: &mut HashMap<Box<str>, Arc<str>, RandomState>,
) -> Restored<Slot> {
    let account = Account {
        name: Arc::from(input.text()?),
        kind: input.choice(PrincipalKind::ALL)?,
        factors: Factors(input.u16()?),
        proved: input.flag()?,
        cut: input.option(|input| {
            let (cause, at) = restore_end(input)?;
            Ok(Cut { cause, at, kept: input.option(Reader::fingerprint)? })
        })?,
    };
    let names = (0..input.u8()?).map(|_| {
        let (sort, realm) = (input.choice(&Sort::ALL)?, input.text()?);
        let realm = realms.entry(realm.into()).or_insert_with(|| Arc::from(realm)).clone();
        Ok(Name { sort, realm, text: Arc::from(input.text()?) })
    });
    Ok(Slot::Known { account, names: names.collect::<Restored<_>>()? })
}

fn save_handles(handles: &Handles, out: &mut Writer) {
    let held = || handles.order.iter().filter_map(|(place, tenure)| Some((handles.held.get(place)?, tenure)));
    let mut numbers: HashMap<u32, u32, RandomState> = HashMap::default();
    let mut lines = Vec::new();
    for (held, _) in held() {
        let Some(line) = handles.line(held.line) else { continue };
        let next = numbers.len() as u32;
        if *numbers.entry(held.line.0).or_insert(next) == next {
            lines.push(line);
        }
    }
    out.u32(lines.len() as u32);
    for line in lines {
        save_line(line, out);
    }
    out.u32(handles.held.len() as u32);
    for (held, tenure) in held() {
        save_tenure(tenure, out);
        out.fingerprint(held.fingerprint);
        out.u32(numbers.get(&held.line.0).copied().unwrap_or_default());
        out.choice(KINDS, &held.kind);
        out.choice(ProofLevel::ALL, &held.proved.level);
        out.option(held.proved.factor, |out, factor| out.choice(Factor::ALL, &factor));
        out.option(held.proved.mfa_at, Writer::time);
        out.option(held.ended, |out, end| save_end(end, out));
        out.option(held.spent.as_deref(), |out, first| save_use(first, out));
        out.flag(held.shared);
    }
}

fn restore_handles(handles: &mut Handles, serials: &Serials, input: &mut Reader<'_>) -> Restored<()> {
    let mut lines = Vec::new();
    for _ in 0..input.u32()? {
        lines.push(handles.begin(restore_line(serials, input)?));
    }
    for _ in 0..input.u32()? {
        let (tenure, fingerprint) = (restore_tenure(input)?, input.fingerprint()?);
        let line = lines.get(input.u32()? as usize).copied();
        let held = Held {
            fingerprint,
            line: line.ok_or(RestoreError::Corrupt("a handle is of no session"))?,
            kind: input.choice(KINDS)?,
            proved: Proved {
                level: input.choice(ProofLevel::ALL)?,
                factor: input.option(|input| input.choice(Factor::ALL))?,
                mfa_at: input.option(Reader::time)?,
            },
            ended: input.option(restore_end)?,
            spent: input.option(restore_use)?.map(Box::new),
            shared: input.flag()?,
        };
        handles.put_back(held, tenure);
    }
    for line in lines {
        handles.let_go(line);
    }
    Ok(())
}

fn save_line(line: &Line, out: &mut Writer) {
    out.fingerprint(line.id);
    out.option(line.account, |out, account| out.u64(account.serial));
    out.choice(WORDS, &line.word);
    out.flag(line.is_key);
    out.time(line.since);
    out.time(line.begun);
    out.flag(line.issued_in_sight);
    out.flag(line.moved);
    out.option(line.mfa_since, Writer::time);
    out.u32(line.renewals);
    out.option(line.ended, |out, end| save_end(end, out));
}

fn restore_line(serials: &Serials, input: &mut Reader<'_>) -> Restored<Line> {
    Ok(Line {
        id: input.fingerprint()?,
        account: input.option(Reader::u64)?.map(|serial| {
            // An account that was forgotten before is nobody here too.
            serials.get(&serial).copied().unwrap_or(AccountId::of_nobody(serial))
        }),
        word: input.choice(WORDS)?,
        is_key: input.flag()?,
        since: input.time()?,
        begun: input.time()?,
        issued_in_sight: input.flag()?,
        moved: input.flag()?,
        mfa_since: input.option(Reader::time)?,
        renewals: input.u32()?,
        ended: input.option(restore_end)?,
    })
}

fn save_tenure(tenure: Tenure, out: &mut Writer) {
    out.time(tenure.first);
    out.flag(tenure.known);
}

fn restore_tenure(input: &mut Reader<'_>) -> Restored<Tenure> {
    Ok(Tenure { first: input.time()?, known: input.flag()? })
}

fn save_end((cause, at): End, out: &mut Writer) {
    out.choice(EndCause::ALL, &cause);
    out.time(at);
}

fn restore_end(input: &mut Reader<'_>) -> Restored<End> {
    Ok((input.choice(EndCause::ALL)?, input.time()?))
}

fn save_use(first: &Use, out: &mut Writer) {
    out.time(first.at);
    save_address(first.network, out);
    out.option(first.device, |out, device| device.traits.into_iter().for_each(|t| out.u32(t)));
    out.u64(first.request);
    save_address(first.from.ip(), out);
    out.u16(first.from.port());
}

fn restore_use(input: &mut Reader<'_>) -> Restored<Use> {
    Ok(Use {
        at: input.time()?,
        network: restore_address(input)?,
        device: input.option(|input| {
            Ok(Device { traits: [input.u32()?, input.u32()?, input.u32()?, input.u32()?] })
        })?,
        request: input.u64()?,
        from: SocketAddr::new(restore_address(input)?, input.u16()?),
    })
}

/// IPv4 in its mapped form (RFC 4291 2.5.5.2), with a mark: the mapped form is an address of its own as well.
fn save_address(ip: IpAddr, out: &mut Writer) {
    out.flag(ip.is_ipv4());
    let octets = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    };
    out.array(&octets);
}

fn restore_address(input: &mut Reader<'_>) -> Restored<IpAddr> {
    let (is_ipv4, ip) = (input.flag()?, Ipv6Addr::from(input.array::<16>()?));
    Ok(ip.to_ipv4_mapped().filter(|_| is_ipv4).map_or(IpAddr::V6(ip), IpAddr::V4))
}
