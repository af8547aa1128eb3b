//! The parameters of a request: query, form body, JSON body, read alike.
//! It is given raw bytes and the table of field names and gives known fields with their values, in order.
//! It promises bounded work and memory whatever the body holds, and never to keep a value beyond the request.

use super::json::{self, Value};
use super::names::Names;
use super::secret::wipe;
use super::tables::Field;
use super::urlencoded;
use heelguard_detectors::identity::Location;
use std::borrow::Cow;

/// Known fields that are kept of one request.
const FIELDS_MAX: usize = 64;
/// Which of them are meant, a bit for each.
type Places = u64;
/// Secret values beyond them.
const BEYOND_MAX: usize = 512;
/// Most bytes of a multipart part's head that are looked at.
const PART_HEAD_BYTES_MAX: usize = 512;
/// What is deeper in a JSON body than a GraphQL variable's field is data, not a login.
const DEPTH_MAX: usize = 6;
/// Parts of a multipart body that are looked at.
const PARTS_MAX: usize = 64;
/// What stands before the name of a part.
const PART_NAME: &[u8] = b"name=\"";

/// One known field.
pub(crate) struct Known<'a> {
    pub(crate) field: Field,
    /// The name as sent.
    pub(crate) name: &'a [u8],
    pub(crate) value: Cow<'a, [u8]>,
    pub(crate) location: Location,
}

/// The known fields of a request.
#[derive(Default)]
pub(crate) struct Fields<'a> {
    pub(crate) known: Vec<Known<'a>>,
    /// The body is deeper than the limit.
    pub(crate) beyond_limit: bool,
    /// Values beyond the number kept that are secret by their field's name: they must be known to be masked.
    pub(crate) beyond: Vec<Cow<'a, [u8]>>,
    /// They are JSON under another type: a login where logins are, elsewhere a file.
    pub(crate) is_untyped: bool,
    /// There were more of those than can be kept.
    pub(crate) uncounted: bool,
}

impl Drop for Fields<'_> {
    fn drop(&mut self) {
        self.known.iter_mut().map(|known| &mut known.value).chain(&mut self.beyond).for_each(wipe);
    }
}

impl<'a> Fields<'a> {
    /// The first value of a field.
    pub(crate) fn get(&self, field: Field) -> Option<&[u8]> {
        self.find(field).map(|k| &*k.value)
    }

    /// The first field of that kind that says something.
    pub(crate) fn find(&self, field: Field) -> Option<&Known<'a>> {
        self.known.iter().find(|k| k.field == field && !k.value.is_empty())
    }

    /// Whether the field is there.
    pub(crate) fn has(&self, field: Field) -> bool {
        self.known.iter().any(|k| k.field == field)
    }

    /// Reads `a=1&b=2`.
    pub(crate) fn read_pairs(&mut self, text: &'a [u8], location: Location, names: &Names<Field>) {
        for (name, value) in urlencoded::pairs(text) {
            let decoded = urlencoded::decode(name);
            if let Some(field) = field_of(&decoded, names) {
                self.add(Known { field, name, value: urlencoded::decode(value), location });
            }
        }
        self.uncounted |= urlencoded::has_more(text);
    }

    /// Reads a form; `is_cut`: its last pair is not whole. Of two pairs of one name the later counts.
    pub(crate) fn read_form(&mut self, text: &'a [u8], is_cut: bool, names: &Names<Field>) {
        let mut form = 0;
        let last = if is_cut { memchr::memrchr(b'&', text).unwrap_or(0) } else { text.len() };
        let (whole, last) = text.split_at_checked(last).unwrap_or((text, &[]));
        for (name, value) in urlencoded::pairs(whole) {
            if let Some(field) = field_of(&urlencoded::decode(name), names) {
                let value = urlencoded::decode(value);
                self.set(Known { field, name, value, location: Location::Form }, &mut form);
            }
        }
        self.uncounted |= urlencoded::has_more(whole);
        for (name, value) in urlencoded::pairs(last) {
            if let Some(field) = field_of(&urlencoded::decode(name), names) {
                self.add_cut(Known {
                    field,
                    name,
                    value: urlencoded::decode(value),
                    location: Location::Form,
                });
            }
        }
    }

    /// Reads a JSON body. Scalars count; what is deeper than a GraphQL variable's field is data, not a login. Of two
    /// members of one name in one object the later counts, as it does for nearly every server.
    pub(crate) fn read_json(&mut self, text: &'a [u8], names: &Names<Field>) {
        let mut objects = [0; DEPTH_MAX + 1];
        let summary = json::walk(text, names, |member| {
            if matches!(member.value, Value::Object)
                && let Some(object) = objects.get_mut(member.depth + 1)
            {
                *object = 0;
            }
            let (Some(field), name, location) = (member.key, member.name, Location::Json) else { return };
            let value = match member.value {
                Value::Text(t) => t.decoded(),
                Value::Number(n) => Cow::Borrowed(n),
                Value::Cut(t) => return self.add_cut(Known { field, name, value: t.decoded(), location }),
                // `"assertion": {…}` is there without a value of its own.
                Value::Object | Value::Empty { .. } if field == Field::Assertion => {
                    Cow::Borrowed(b"{}".as_slice())
                }
                // `"sms_info": {"code": …}`: what holds the code says which factor it is.
                Value::Object | Value::Empty { .. } if field == Field::Factor => Cow::Borrowed(name),
                Value::Bool(true) if field == Field::Operation => Cow::Borrowed(b"true".as_slice()),
                _ => return,
            };
            let known = Known { field, name, value, location };
            match objects.get_mut(member.depth) {
                Some(object) if !name.is_empty() => self.set(known, object),
                Some(_) => self.add(known),
                None => self.add_beyond(field, known.value),
            }
        });
        self.beyond_limit |= summary.beyond_limit;
    }

    /// Reads the simple fields of a multipart form (RFC 7578); files are passed over.
    pub(crate) fn read_multipart(&mut self, body: &'a [u8], names: &Names<Field>) {
        let mut parts = Parts::of(body);
        for Part { name, value } in parts.by_ref() {
            if let (Some(field), Some(value)) = (field_of(name, names), value) {
                self.add(Known { field, name, value: value.into(), location: Location::Form });
            }
        }
        self.uncounted |= memchr::memmem::find(parts.rest, PART_NAME).is_some();
    }

    /// Takes a field; of one too many the value alone, if it is secret.
    pub(crate) fn add(&mut self, known: Known<'a>) {
        if self.known.len() < FIELDS_MAX {
            self.known.push(known);
        } else {
            self.add_beyond(known.field, known.value);
        }
    }

    /// Takes a field in the place of the one of its name in the same object or form; these are its places among `known`.
    fn set(&mut self, known: Known<'a>, places: &mut Places) {
        let is_there = |(at, k): &(usize, &mut Known<'a>)| {
            *places & 1 << at != 0 && k.field == known.field && k.name == known.name
        };
        if let Some((_, earlier)) = self.known.iter_mut().take(FIELDS_MAX).enumerate().find(is_there) {
            let value = std::mem::replace(&mut earlier.value, known.value);
            return self.add_beyond(known.field, value);
        }
        if self.known.len() < FIELDS_MAX {
            *places |= 1 << self.known.len();
        }
        self.add(known);
    }

    /// Takes a field whose value is not whole: that is nobody's name and no token, but it must not be written either.
    fn add_cut(&mut self, known: Known<'a>) {
        match known.field {
            Field::Password | Field::NewPassword | Field::Query => self.add(known),
            field => self.add_beyond(field, known.value),
        }
    }

    fn add_beyond(&mut self, field: Field, value: Cow<'a, [u8]>) {
        if !field.is_secret() {
            return;
        }
        if self.beyond.len() < BEYOND_MAX {
            self.beyond.push(value);
        } else {
            self.uncounted = true;
        }
    }

    /// The page size asked for.
    pub(crate) fn page_size(&self) -> Option<u32> {
        let mut sizes = self.known.iter().filter(|k| k.field == Field::PageSize);
        sizes.find_map(|k| std::str::from_utf8(&k.value).ok()?.parse().ok())
    }
}

/// The parts of a multipart form, by their names.
pub(crate) struct Parts<'a> {
    rest: &'a [u8],
    left: usize,
}

/// One part.
pub(crate) struct Part<'a> {
    pub(crate) name: &'a [u8],
    /// Nothing where it is a file, or has no end.
    pub(crate) value: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(body: &'a [u8]) -> Self {
        Self { rest: body, left: PARTS_MAX }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        while let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            let at = memchr::memmem::find(self.rest, PART_NAME)?;
            self.rest = self.rest.get(at + PART_NAME.len()..).unwrap_or(&[]);
            let looked_at = self.rest.get(..PART_HEAD_BYTES_MAX.min(self.rest.len())).unwrap_or(&[]);
            let Some(end) = memchr::memchr(b'"', looked_at) else { continue };
            let (name, tail) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
            let head = tail.get(..PART_HEAD_BYTES_MAX.min(tail.len())).unwrap_or(&[]);
            let Some(blank) = memchr::memmem::find(head, b"\r\n\r\n") else { continue };
            let is_file = memchr::memmem::find(head.get(..blank).unwrap_or(&[]), b"filename").is_some();
            self.rest = tail.get(blank + 4..).unwrap_or(&[]);
            let value = memchr::memmem::find(self.rest, b"\r\n--").and_then(|end| self.rest.get(..end));
            return Some(Part { name, value: value.filter(|_| !is_file) });
        }
        None
    }
}

/// What a field is, by its name or by the last part of it: `user[password]`, `Input.Password`.
pub(crate) fn field_of(name: &[u8], names: &Names<Field>) -> Option<Field> {
    names.get(name).or_else(|| {
        let name = name.strip_suffix(b"]").unwrap_or(name);
        let last = memchr::memrchr2(b'[', b'.', name).and_then(|at| name.get(at + 1..))?;
        names.get(last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tables;

    fn told(read: impl FnOnce(&mut Fields<'static>, &Names<Field>)) -> String {
        let names = tables::names(Vec::new(), tables::FIELDS);
        let mut fields = Fields::default();
        read(&mut fields, &names);
        let lines =
            fields.known.iter().map(|k| format!("{:?}={} ", k.field, String::from_utf8_lossy(&k.value)));
        lines.collect()
    }

    #[test]
    fn query_form_json_and_multipart_are_read_alike() {
        assert_eq!(
            told(|f, n| f.read_pairs(b"prompt=login&login=a%40b&password=p+q&limit=20", Location::Form, n)),
            "Name=a@b Password=p q PageSize=20 "
        );
        assert_eq!(
            told(|f, n| f.read_json(
                br#"{"query":"mutation","variables":{"input":{"email":"a@b","password":"x"}},"code":123456}"#,
                n
            )),
            "Query=mutation Name=a@b Password=x AnyCode=123456 "
        );
        assert_eq!(
            told(|f, n| f.read_pairs(
                b"user%5Blogin%5D=al&user[password]=x&Input.TwoFactorCode=123456&user[]=1&a.b=2&.=3&[=4",
                Location::Form,
                n
            )),
            "Name=al Password=x Code=123456 "
        );
        let form = b"--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nal\r\n--x\r\nContent-Disposition: form-data; name=\"password\"; filename=\"f\"\r\n\r\nno\r\n--x\r\ncontent-disposition: form-data; name=\"password\"\r\n\r\np\r\n--x--";
        assert_eq!(told(|f, n| f.read_multipart(form, n)), "Name=al Password=p ");
    }

    #[test]
    fn hostile_bodies_are_bounded() {
        let many: &'static str = "password=x&".repeat(5000).leak();
        assert_eq!(
            told(|f, n| f.read_pairs(many.as_bytes(), Location::Query, n)).split(' ').count(),
            FIELDS_MAX + 1
        );
        assert_eq!(told(|f, n| f.read_form(many.as_bytes(), false, n)), "Password=x ");
        let parts: &'static str = "name=\"".repeat(100_000).leak();
        assert_eq!(told(|f, n| f.read_multipart(parts.as_bytes(), n)), "");
    }
}
