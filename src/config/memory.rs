//! One number for the memory that the wire can fill: `limits.memory_mib`, which the limits that are not written follow.
//! It is given the configuration as a table, and adds to it what each such limit is at that size.
//! It promises that a limit which is written is taken as it is written, and that the built-in size adds nothing.

use super::effective;
use super::raw::{Limits, Raw};
use toml::{Table, Value};

/// The limits that follow, by their sections.
pub(super) const FOLLOWING: &[(&str, &str)] = &[
    ("limits", "half_open_max"),
    ("limits", "closing_max"),
    ("limits", "connection_bytes_max"),
    ("limits", "buffer_bytes_max"),
    ("limits", "message_bytes_max"),
    ("limits", "handles_max"),
    ("limits", "accounts_max"),
    ("limits", "keys_per_table_max"),
    ("limits", "keys_max"),
    ("capture", "fragment_bytes_max"),
    ("tls", "held_bytes_max"),
    ("tls", "secrets_max"),
];

/// Adds the limits that are not written, if the size is. What is no size is refused where it is understood.
pub(super) fn share_out(table: &mut Table) {
    let written = table.get("limits").and_then(|limits| limits.get("memory_mib")).and_then(Value::as_integer);
    let Some(mib) = written.filter(|mib| Limits::MEMORY_MIB.contains(&mib.unsigned_abs()) && *mib > 0) else {
        return;
    };
    let built_in = effective::table(&Raw::default());
    for (section, key) in FOLLOWING {
        let value = built_in.get(*section).and_then(|section| section.get(*key)).and_then(Value::as_integer);
        let section = table.entry(*section).or_insert_with(|| Value::Table(Table::new()));
        if let (Some(value), Some(section)) = (value, section.as_table_mut()) {
            let share = i128::from(value) * i128::from(mib) / i128::from(Limits::MEMORY_MIB_DEFAULT);
            let share = i64::try_from(share).unwrap_or(i64::MAX).max(1);
            section.entry(*key).or_insert(Value::Integer(share));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::*;

    fn limits(overrides: &[&str]) -> Table {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        effective::table(&load(None, &overrides).unwrap())
    }

    fn of(table: &Table, section: &str, key: &str) -> i64 {
        table[section][key].as_integer().unwrap()
    }

    #[test]
    fn limits_follow_the_size_unless_they_are_written() {
        let built_in = limits(&[]);
        assert_eq!(limits(&["limits.memory_mib=1024"]), built_in);
        let larger = limits(&["limits.memory_mib=4096", "limits.handles_max=77", "tls.secrets_max=5"]);
        for (section, key) in FOLLOWING {
            let wanted = match *key {
                "handles_max" => 77,
                "secrets_max" => 5,
                _ => of(&built_in, section, key) * 4,
            };
            assert_eq!(of(&larger, section, key), wanted, "{section}.{key}");
        }
        assert_eq!(of(&larger, "limits", "flows_max"), of(&built_in, "limits", "flows_max"));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for size in ["0", "-1", "255", "1048577", "\"much\"", "9223372036854775807"] {
            let problem = load(None, &[format!("limits.memory_mib={size}")]).unwrap_err().to_string();
            assert!(problem.contains("limits.memory_mib"), "{problem}");
        }
    }
}
