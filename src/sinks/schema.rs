//! The published forms: JSON Schemas (draft 2020-12) of the records.
//! It is given a name and gives the text, as it stands in `schema/`.
//! It promises that every record this program writes is valid under its schema; a test checks.

/// Names and texts of all forms but `config`, which is made from the configuration itself.
pub const ALL: &[(&str, &str)] = &[
    ("alert", include_str!("schema/alert.json")),
    ("transaction", include_str!("schema/transaction.json")),
    ("tls", include_str!("schema/tls.json")),
    ("inventory", include_str!("schema/inventory.json")),
    ("stats", include_str!("schema/stats.json")),
    ("report", include_str!("schema/report.json")),
];

/// The text of one form.
pub fn text(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests;
