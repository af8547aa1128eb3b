//! What pages and reports are made of: markup that is safe by its types, tables, pictures, and one style sheet.
//! It is given values and words of traffic, and adds markup.
//! It promises that no word of traffic becomes markup, and that each picture says in words what it shows.

pub(crate) mod html;
pub(crate) mod markdown;
pub(crate) mod outcome;
pub(crate) mod parts;
pub(crate) mod proofs;
pub(crate) mod svg;

/// The look of all of it, in light, in dark and on paper.
pub(crate) const STYLE: &str = include_str!("style.css");
