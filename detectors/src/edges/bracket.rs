//! What stands in brackets: thresholds, numbers and times, worked out exactly.
//! It is given a rule's thresholds and a story, and gives the story with each bracket's value in its place.
//! It promises that only divisions round, always down, that times and numbers do not add, and that there is one step.

use crate::rules::Threshold;
use std::fmt;

/// Everything is counted in billionths: of one, or of a second.
const ONE: i128 = 1_000_000_000;

/// A rule's numeric thresholds by name, in the order of its source.
#[derive(Clone, Debug)]
pub(super) struct Values(Vec<(&'static str, Value)>);

/// A threshold's value, in the unit of its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    billionths: i128,
    kind: Kind,
    /// Seconds of a time's unit, one for a number.
    unit: i128,
}

/// A number, or a time in seconds.
#[derive(Clone, Copy, Debug)]
struct Amount {
    billionths: i128,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Whole,
    Decimal,
    Time,
}

impl Values {
    /// The defaults of those thresholds that are numbers.
    pub(super) fn of(thresholds: &[Threshold]) -> Self {
        let numeric = thresholds.iter().filter_map(|threshold| {
            let (kind, unit) = match threshold.unit {
                "seconds" => (Kind::Time, 1),
                "hours" => (Kind::Time, 3600),
                "days" => (Kind::Time, 86_400),
                _ if threshold.default.contains('.') => (Kind::Decimal, 1),
                _ => (Kind::Whole, 1),
            };
            let value = Value { billionths: billionths(&threshold.default, ONE).ok()?, kind, unit };
            Some((threshold.name, value))
        });
        Self(numeric.collect())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|&(name, _)| name)
    }

    pub(super) fn get(&self, name: &str) -> Result<Value, String> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|&(_, value)| value).ok_or_else(|| format!("`{name}` is no numeric threshold"))
    }

    pub(super) fn with(&self, name: &str, value: Value) -> Self {
        Self(self.0.iter().map(|&(known, old)| (known, if known == name { value } else { old })).collect())
    }

    /// The story with every bracket worked out, its step not taken or taken.
    pub(super) fn fill(&self, story: &str, threshold: &str, beyond: bool) -> Result<String, String> {
        let (mut filled, mut rest, mut steps) = (String::new(), story, 0);
        while let Some((before, after)) = rest.split_once('[') {
            let (inside, after) = after.split_once(']').ok_or("a bracket is not closed")?;
            let (text, step) = match inside.split_once('|') {
                None => (inside, 0),
                Some((text, "+")) => (text, 1),
                Some((text, "-")) => (text, -1),
                Some(_) => return Err(format!("`[{inside}]`: a step is `|+` or `|-`")),
            };
            let mut amount = self.work_out(text).map_err(|fault| format!("`[{inside}]`: {fault}"))?;
            if step != 0 {
                let mut names = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                if !names.any(|name| name == threshold) {
                    return Err(format!("`[{inside}]`: the step has no `{threshold}` in it"));
                }
                steps += 1;
                amount.billionths += step * i128::from(beyond) * amount.kind.step();
            }
            filled.extend([before, &amount.to_string()]);
            rest = after;
        }
        if steps == 1 { Ok(filled + rest) } else { Err(format!("an entry has one step, not {steps}")) }
    }

    fn work_out(&self, text: &str) -> Result<Amount, String> {
        let mut reader = Reader { values: self, rest: text.trim() };
        let amount = reader.sum()?;
        if reader.rest.is_empty() { Ok(amount) } else { Err(format!("`{}` is not understood", reader.rest)) }
    }
}

impl Value {
    /// Another value to try: one more, or half as much time again.
    pub(super) fn changed(self) -> Self {
        let more = if self.kind == Kind::Time { (self.billionths / 2 / ONE * ONE).max(ONE) } else { ONE };
        Self { billionths: self.billionths + more, ..self }
    }

    /// A value for the same key.
    pub(super) fn read(self, text: &str) -> Result<Self, String> {
        Ok(Self { billionths: billionths(text, ONE)?, ..self })
    }
}

/// As TOML.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let point = if self.kind == Kind::Decimal && self.billionths % ONE == 0 { ".0" } else { "" };
        write!(f, "{}{point}", Amount { billionths: self.billionths, kind: Kind::Decimal })
    }
}

impl Kind {
    fn step(self) -> i128 {
        match self {
            Self::Whole => ONE,
            Self::Decimal => ONE / 1000,
            Self::Time => 1,
        }
    }
}

impl Amount {
    fn plus(self, other: Self, sign: i128) -> Result<Self, String> {
        let kind = match (self.kind, other.kind) {
            (one, other) if one == other => one,
            (Kind::Time, _) | (_, Kind::Time) => return Err("a time and a number do not add".into()),
            _ => Kind::Decimal,
        };
        Ok(Self { billionths: self.billionths + sign * other.billionths, kind })
    }

    fn times(self, other: Self) -> Result<Self, String> {
        let kind = match (self.kind, other.kind) {
            (Kind::Time, Kind::Time) => return Err("times do not multiply".into()),
            (Kind::Time, _) | (_, Kind::Time) => Kind::Time,
            (Kind::Whole, Kind::Whole) => Kind::Whole,
            _ => Kind::Decimal,
        };
        Ok(Self { billionths: self.billionths * other.billionths / ONE, kind })
    }

    fn over(self, other: Self) -> Result<Self, String> {
        if other.billionths == 0 {
            return Err("nothing can be divided by zero".into());
        }
        let exact = self.billionths * ONE / other.billionths;
        Ok(match (self.kind, other.kind) {
            (Kind::Whole, Kind::Whole) | (Kind::Time, Kind::Time) => {
                Self { billionths: exact / ONE * ONE, kind: Kind::Whole }
            }
            (Kind::Time, _) => Self { billionths: exact, kind: Kind::Time },
            (_, Kind::Time) => return Err("a number is not divided by a time".into()),
            _ => Self { billionths: exact, kind: Kind::Decimal },
        })
    }
}

/// As stories write it.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, billionths) = (if self.billionths < 0 { "-" } else { "" }, self.billionths.abs());
        match (self.kind, billionths / ONE, billionths % ONE) {
            (Kind::Time, ..) => write!(f, "{sign}{billionths}ns"),
            (_, whole, 0) => write!(f, "{sign}{whole}"),
            (_, whole, part) => write!(f, "{sign}{whole}.{}", format!("{part:09}").trim_end_matches('0')),
        }
    }
}

/// What is still to be read of an expression.
struct Reader<'a> {
    values: &'a Values,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn sum(&mut self) -> Result<Amount, String> {
        let mut sum = self.product()?;
        loop {
            sum = match self.sign(['+', '-']) {
                Some('+') => sum.plus(self.product()?, 1)?,
                Some(_) => sum.plus(self.product()?, -1)?,
                None => return Ok(sum),
            }
        }
    }

    fn product(&mut self) -> Result<Amount, String> {
        let mut product = self.single()?;
        loop {
            product = match self.sign(['*', '/']) {
                Some('*') => product.times(self.single()?)?,
                Some(_) => product.over(self.single()?)?,
                None => return Ok(product),
            }
        }
    }

    fn single(&mut self) -> Result<Amount, String> {
        if self.sign(['(', '(']).is_some() {
            let sum = self.sum()?;
            return self.sign([')', ')']).map(|_| sum).ok_or_else(|| "a parenthesis is not closed".into());
        }
        let digits = self.take(|c| c.is_ascii_digit() || c == '.');
        let word = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
        self.rest = self.rest.trim_start();
        if digits.is_empty() {
            let Value { billionths, kind, unit } = self.values.get(word)?;
            return Ok(Amount { billionths: billionths * unit, kind });
        }
        let (unit, kind) = match word {
            "" if digits.contains('.') => (ONE, Kind::Decimal),
            "" => (ONE, Kind::Whole),
            "ns" => (1, Kind::Time),
            "ms" => (ONE / 1000, Kind::Time),
            "s" => (ONE, Kind::Time),
            "m" => (60 * ONE, Kind::Time),
            "h" => (3600 * ONE, Kind::Time),
            "d" => (86_400 * ONE, Kind::Time),
            _ => return Err(format!("`{digits}{word}` is no time")),
        };
        Ok(Amount { billionths: billionths(digits, unit)?, kind })
    }

    fn sign(&mut self, signs: [char; 2]) -> Option<char> {
        let sign = self.rest.chars().next().filter(|sign| signs.contains(sign))?;
        self.rest = self.rest[1..].trim_start();
        Some(sign)
    }

    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let (part, rest) = self.rest.split_at(self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len()));
        self.rest = rest;
        part
    }
}

/// `2.5` of a unit.
fn billionths(text: &str, unit: i128) -> Result<i128, String> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part}").parse::<i128>().map_err(|_| format!("`{text}` is no number"))?;
    Ok(digits * unit / 10_i128.pow(u32::try_from(part.len()).unwrap_or(0)))
}
