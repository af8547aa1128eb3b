//! Wire forms: the native record as it is, or in the words of a public schema that tools already understand.
//! It is given a record's native JSON and writes one JSON object; only what the native record holds is in it.
//! It promises alerts as OCSF 1.8 findings, ECS alerts and EVE alerts, transactions as OCSF, ECS and EVE HTTP events,
//! and inventory and health in their native form in every case: no public schema has words for them.

mod attack;
mod ecs;
mod eve;
mod family;
pub(super) mod json;
pub(super) mod native;
mod ocsf;

pub use family::signature_id;

use super::record::Labels;
use super::spool::Kind;
use crate::fault::contain;
use json::Json;
use serde::{Deserialize, Serialize};

/// Who makes the records, in every form.
pub(super) const PRODUCT: &str = "Heelguard";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The form in which a sink hands records over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// `heelguard.alert/1` and its siblings, byte for byte.
    #[default]
    Native,
    /// Open Cybersecurity Schema Framework 1.8.0: Detection Finding (2004), HTTP Activity (4002).
    Ocsf,
    /// Elastic Common Schema 9.4.
    Ecs,
    /// Suricata's Extensible Event Format: `alert` and `http`.
    Eve,
}

/// Why a record has no such form.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// The body is no native record.
    #[error("the record is not in its native form: {0}")]
    Body(#[from] serde_json::Error),
    /// A rule that this version does not know has no number.
    #[error("the rule {0} has no signature number in this version")]
    Rule(String),
    /// A fault of ours: it would fail each time, so that it must not hold up the records behind it.
    #[error(
        "the record cannot be written, a fault of this program: please report it with the line of its place"
    )]
    Fault,
}

impl Form {
    /// Every form.
    pub const ALL: &'static [Self] = &[Self::Native, Self::Ocsf, Self::Ecs, Self::Eve];

    /// The name in configuration and headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Ocsf => "ocsf",
            Self::Ecs => "ecs",
            Self::Eve => "eve",
        }
    }

    /// Appends the record whose native body is `native`, without a line end. After an error nothing was appended.
    pub fn write(
        self,
        kind: Kind,
        native: &[u8],
        labels: &Labels,
        out: &mut Vec<u8>,
    ) -> Result<(), FormError> {
        let start = out.len();
        let written = contain(|| self.write_any(kind, native, labels, out));
        let written = written.unwrap_or(Err(FormError::Fault));
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn write_any(
        self,
        kind: Kind,
        native: &[u8],
        labels: &Labels,
        out: &mut Vec<u8>,
    ) -> Result<(), FormError> {
        #[cfg(test)]
        crate::fault::poison::fail_at(native);
        match kind {
            Kind::Alert => self.write_alert(native, out),
            Kind::Transaction => self.write_transaction(native, labels, out),
            Kind::Connection | Kind::Inventory | Kind::Health | Kind::Sightings => {
                out.extend_from_slice(native);
                Ok(())
            }
        }
    }

    fn write_alert(self, native: &[u8], out: &mut Vec<u8>) -> Result<(), FormError> {
        if self == Self::Native {
            out.extend_from_slice(native);
            return Ok(());
        }
        let alert = native::Alert::parse(native)?;
        let mut json = Json::begin(out);
        match self {
            Self::Native => {}
            Self::Ocsf => ocsf::finding(&alert, &mut json),
            Self::Ecs => ecs::alert(&alert, &mut json),
            Self::Eve => eve::alert(&alert, &mut json)?,
        }
        Ok(json.end()?)
    }

    /// Transactions name neither tenant nor sensor; the labels do.
    fn write_transaction(self, native: &[u8], labels: &Labels, out: &mut Vec<u8>) -> Result<(), FormError> {
        if self == Self::Native {
            out.extend_from_slice(native);
            return Ok(());
        }
        let transaction = native::Transaction::parse(native)?;
        let mut json = Json::begin(out);
        match self {
            Self::Native => {}
            Self::Ocsf => ocsf::http_activity(&transaction, labels, &mut json),
            Self::Ecs => ecs::transaction(&transaction, labels, &mut json),
            Self::Eve => eve::http(&transaction, labels, &mut json),
        }
        Ok(json.end()?)
    }
}

#[cfg(test)]
mod tests;
