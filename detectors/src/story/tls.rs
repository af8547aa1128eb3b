//! The words of a story that are about the handshake under a request.
//! It is given a transaction and one word with its value.
//! It promises numbers as they are on the wire.

use crate::tls::{CipherSuite, Tls, TlsVersion};
use crate::transaction::Transaction;
use std::sync::Arc;

/// Sets what `name=value` says of the handshake.
pub(super) fn set(tx: &mut Transaction, name: &str, value: &str) -> Result<(), String> {
    let number = u16::from_str_radix(value, 16).map_err(|_| format!("`{value}` is no number of TLS"))?;
    let tls = Arc::make_mut(tx.tls.get_or_insert_with(|| Arc::new(Tls::default())));
    match name {
        "tls" => tls.version = Some(TlsVersion(number)),
        _ => tls.cipher = Some(CipherSuite(number)),
    }
    Ok(())
}
