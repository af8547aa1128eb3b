//! The parts of `detectors/README.md` that are made by calibration.
//! It is given the name of a part and its new text, and writes it between the part's two marks.
//! It promises to touch nothing else on the page.

use std::path::Path;

/// Puts `text` between `<!-- NAME -->` and `<!-- /NAME -->`.
pub(crate) fn renew(name: &str, text: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("detectors/README.md");
    let shown = path.display();
    let page = std::fs::read_to_string(&path).map_err(|error| format!("{shown}: {error}"))?;
    let (begins, ends) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let parts = page
        .split_once(&begins)
        .and_then(|(before, rest)| Some((before, rest.split_once(&ends)?.1)))
        .ok_or_else(|| format!("{shown}: the marks of the part `{name}` are missing"))?;
    let (before, after) = parts;
    std::fs::write(&path, format!("{before}{begins}\n{text}\n{ends}{after}"))
        .map_err(|error| format!("{shown}: {error}"))
}
