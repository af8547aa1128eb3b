//! The words of a story that are about the description of the API, and about what messages hold.
//! It is given a transaction and one word.
//! It promises to refuse what it does not know, as every word of a story does.

use crate::contents::{DataClass, ParameterPlace};
use crate::spec::{Comparison, Security, Standing};
use crate::transaction::Transaction;

/// The words with a value that `set` understands.
pub(super) const WORDS: &[&str] = &["spec", "security", "undocumented", "holds", "type"];

/// Sets what `name=value` says; what is compared is declared unless `spec=` says otherwise.
pub(super) fn set(tx: &mut Transaction, name: &str, value: &str) -> Result<(), String> {
    match name {
        "holds" => {
            for class in value.split(',') {
                let class = DataClass::parse(class).ok_or("no such class of data")?;
                tx.contents.get_or_insert_default().classes.push(class);
            }
            return Ok(());
        }
        "type" => {
            tx.response.as_mut().ok_or("a type wants an answer")?.content_type = Some(value.into());
            return Ok(());
        }
        _ => {}
    }
    let declared = tx.request.as_ref().map(|request| request.route.clone());
    let spec = tx.spec.get_or_insert_with(|| {
        Box::new(Comparison { path: declared, ..Comparison::without(Standing::Declared) })
    });
    match name {
        "spec" => {
            spec.standing = Standing::parse(value).ok_or("no such standing")?;
            if matches!(spec.standing, Standing::UndeclaredPath | Standing::NoSpec) {
                spec.path = None;
            }
        }
        "security" => {
            spec.security = Security::parse(value).ok_or("no such security")?;
            spec.wanted = (spec.security != Security::Open).then(|| "bearer".into());
        }
        _ => {
            for one in value.split(',') {
                let (place, name) = one.split_once(':').ok_or("undocumented is place:name")?;
                let place = ParameterPlace::parse(place).ok_or("no such place of a parameter")?;
                spec.undocumented.push((place, name.into()));
            }
        }
    }
    Ok(())
}
