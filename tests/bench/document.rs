//! The parts of pages that are made by measuring.
//! It is given a page, the name of a part and its new text, and puts it between the part's two marks.
//! It promises to touch nothing else on the page.

use std::path::Path;

/// Puts `text` between `<!-- NAME -->` and `<!-- /NAME -->` of a page of this project.
pub(crate) fn renew(page: &str, name: &str, text: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let before = std::fs::read_to_string(&path).map_err(|error| format!("{page}: {error}"))?;
    let after = between(&before, name, text);
    let after = after.ok_or_else(|| format!("{page}: the marks of the part `{name}` are missing"))?;
    std::fs::write(&path, after).map_err(|error| format!("{page}: {error}"))
}

/// The page with the part's new text; `None` when it has no such part.
pub(crate) fn between(page: &str, name: &str, text: &str) -> Option<String> {
    let (begins, ends) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&begins)?;
    let (_, after) = rest.split_once(&ends)?;
    Some(format!("{before}{begins}\n{}\n\n{ends}{after}", text.trim_end()))
}
