//! Passwords and tokens of the far sides: written in the configuration, in a file, or in the environment.
//! It is given what the configuration says and gives the value once, when a sink starts or connects again.
//! It promises that a message names the setting and never the value.

use crate::files;
use std::path::Path;
use zeroize::Zeroizing;

/// No secret is longer; a longer file is some other file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// The value of `setting`: what is written, where `${NAME}` names a variable of the environment, or else the content
/// of the file that `setting`_file names, without the line end. `None` when neither is set.
pub fn resolve(setting: &str, written: &str, file: &Path) -> Result<Option<Zeroizing<String>>, String> {
    if !written.is_empty() && !file.as_os_str().is_empty() {
        return Err(format!("{setting} and {setting}_file are both set; keep one"));
    }
    if let Some(name) = written.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        return match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(Some(Zeroizing::new(value))),
            _ => Err(format!("{setting}: the environment variable {name} is not set")),
        };
    }
    if !written.is_empty() {
        return Ok(Some(Zeroizing::new(written.to_owned())));
    }
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let unreadable = |why: &dyn std::fmt::Display| format!("{setting}_file {}: {why}", file.display());
    let bytes = files::read_secret(file, SECRET_BYTES_MAX).map_err(|error| unreadable(&error))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| unreadable(&"no text in UTF-8"))?;
    let value = text.trim_end_matches(['\r', '\n']);
    if value.is_empty() {
        return Err(unreadable(&"the file is empty"));
    }
    Ok(Some(Zeroizing::new(value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(written: &str, file: &Path) -> Result<Option<String>, String> {
        resolve("sinks.kafka.password", written, file).map(|found| found.map(|text| text.to_string()))
    }

    #[test]
    fn written_in_a_file_or_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "from file\n").unwrap();
        assert_eq!(value("", Path::new("")), Ok(None));
        assert_eq!(value("written", Path::new("")), Ok(Some("written".to_owned())));
        assert_eq!(value("", &file), Ok(Some("from file".to_owned())));
        let both = value("written", &file).unwrap_err();
        assert_eq!(both, "sinks.kafka.password and sinks.kafka.password_file are both set; keep one");
    }

    #[test]
    fn what_is_missing_is_named_and_no_value_is() {
        let missing = value("${HEELGUARD_NO_SUCH_VARIABLE}", Path::new("")).unwrap_err();
        assert_eq!(
            missing,
            "sinks.kafka.password: the environment variable HEELGUARD_NO_SUCH_VARIABLE is not set"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("empty");
        std::fs::write(&file, "\n").unwrap();
        let empty = value("", &file).unwrap_err();
        assert!(empty.starts_with("sinks.kafka.password_file /") && empty.ends_with("is empty"), "{empty}");
        assert_eq!(value("${PATH}", Path::new("")), Ok(std::env::var("PATH").ok()));
    }
}
