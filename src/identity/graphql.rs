//! GraphQL requests by names: which operation, which fields, and how many logins and codes are tried in one go.
//! It is given a request's body or query and reads documents as a peer would: comments, strings, fragments, batches.
//! It promises one pass, no recursion, an answer for any bytes, and that values go no further than fields do.
//!
//! Shapes: `{"query": …, "operationName": …, "variables": …}`, an array of those, the same keys in a query string
//! (GraphQL over HTTP, draft 2025), and `application/graphql`. A persisted query has no document, only a name.

mod document;

use super::fields::Known;
use super::json::{self, Value};
use super::labels::{self, Labels};
use super::names::Names;
use super::request::Asking;
use super::settings::Settings;
use super::tables::Field;
use super::urlencoded;
use document::{Argument, Binding, Document};
use heelguard_detectors::identity::Location;
use heelguard_detectors::transaction::GraphqlKind;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

/// Bytes of all documents of one request that are read.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Documents of one batch that are read.
const BATCH_MAX: usize = 1_000;
/// Fields that are named in records.
const FIELDS_SHOWN_MAX: usize = 8;
/// Known arguments that are taken of one request.
const ARGUMENTS_MAX: usize = 32;
/// Longest name that is split into words.
const NAME_BYTES_MAX: usize = 64;

/// Reads the GraphQL requests of one worker; it keeps the room for their documents.
#[derive(Default)]
pub(crate) struct Reader {
    text: Vec<u8>,
}

/// A GraphQL request, read; names are as they were sent.
pub(crate) struct Operation<'a> {
    pub(crate) kind: GraphqlKind,
    pub(crate) name: Option<Cow<'a, [u8]>>,
    pub(crate) fields: Vec<&'a [u8]>,
    /// Logins, second-factor checks and token issues asked for.
    pub(crate) auth_operations: u32,
    pub(crate) labels: Labels,
    /// Longer, deeper or wider than is read.
    pub(crate) beyond_limit: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Query,
    OperationName,
    Extensions,
    Variables,
}

static KEYS: LazyLock<Names<Key>> = LazyLock::new(|| {
    Names::new([
        ("query", Key::Query),
        ("operation_name", Key::OperationName),
        ("extensions", Key::Extensions),
        ("variables", Key::Variables),
    ])
});

/// One request of a batch, before its document is read.
#[derive(Default)]
struct Envelope<'a> {
    /// The JSON it stands in, if it does.
    element: &'a [u8],
    document: Range<usize>,
    name: Option<Cow<'a, [u8]>>,
    persisted: bool,
}

impl Reader {
    /// The operation of a request, if it is one. Arguments that are written into the document are added to the
    /// request's fields, where variables are already.
    pub(crate) fn read<'a>(
        &'a mut self,
        asking: &mut Asking<'a>,
        body: &'a [u8],
        settings: &Settings,
    ) -> Option<Operation<'a>> {
        if body.is_empty() && asking.query.is_empty() {
            return None;
        }
        let is_document = is_document(asking.content_type, body);
        let by_route = names_graphql(asking.path);
        if !is_document && !by_route && !asking.fields.get(Field::Query).is_some_and(document::is_likely) {
            return None;
        }
        self.text.clear();
        let (envelopes, mut beyond_limit) = self.gather(asking, body, is_document);
        let text = self.text.as_slice();
        let mut read: Option<Operation<'a>> = None;
        let mut arguments = Vec::new();
        for envelope in envelopes {
            let document = Document::read(text.get(envelope.document.clone()).unwrap_or(&[]), settings);
            beyond_limit |= document.beyond_limit;
            read_variables(envelope.element, &document.bindings, &mut arguments);
            let operation = Operation::of(&document, envelope, by_route);
            arguments.extend(document.arguments);
            let Some(operation) = operation else { continue };
            match &mut read {
                None => read = Some(operation),
                Some(first) => first.take(operation),
            }
        }
        for (field, name, value) in arguments.into_iter().take(ARGUMENTS_MAX) {
            let location = if body.is_empty() { Location::Query } else { Location::Json };
            asking.fields.known.push(Known { field, name, value, location });
        }
        if let Some(operation) = &mut read {
            operation.beyond_limit |= beyond_limit;
        }
        read
    }

    /// The requests of a batch, their documents gathered in `self.text`; and whether there was more than is read.
    fn gather<'a>(
        &mut self,
        asking: &Asking<'a>,
        body: &'a [u8],
        is_document: bool,
    ) -> (Vec<Envelope<'a>>, bool) {
        if is_document {
            let (document, cut) = self.keep(body);
            return (vec![Envelope { document, ..Envelope::default() }], cut);
        }
        if body.is_empty() {
            let mut envelope = Envelope::default();
            let mut cut = false;
            for (name, value) in urlencoded::pairs(asking.query) {
                match KEYS.get(name) {
                    Some(Key::Query) => (envelope.document, cut) = self.keep(&urlencoded::decode(value)),
                    Some(Key::OperationName) => envelope.name = Some(urlencoded::decode(value)),
                    Some(Key::Extensions) => envelope.persisted = true,
                    _ => {}
                }
            }
            return (vec![envelope], cut);
        }
        let (mut envelopes, mut cut) = (Vec::new(), false);
        for element in elements(body) {
            let mut envelope = Envelope { element, ..Envelope::default() };
            json::walk(element, &KEYS, |member| match (member.key, member.depth, member.value) {
                (Some(Key::Query), 1, Value::Text(text) | Value::Cut(text)) => {
                    let kept = self.keep(&text.decoded());
                    (envelope.document, cut) = (kept.0, cut | kept.1);
                }
                (Some(Key::OperationName), 1, Value::Text(text)) => envelope.name = Some(text.decoded()),
                (Some(Key::Extensions), 1, Value::Object | Value::Empty { .. }) => envelope.persisted = true,
                _ => {}
            });
            if envelopes.len() == BATCH_MAX {
                return (envelopes, true);
            }
            envelopes.push(envelope);
        }
        (envelopes, cut)
    }

    /// Takes a document in; gives its place, and whether it was cut.
    fn keep(&mut self, document: &[u8]) -> (Range<usize>, bool) {
        let from = self.text.len();
        let room = DOCUMENT_BYTES_MAX - from.min(DOCUMENT_BYTES_MAX);
        self.text.extend_from_slice(document.get(..room.min(document.len())).unwrap_or(&[]));
        (from..self.text.len(), document.len() > room)
    }
}

impl<'a> Operation<'a> {
    /// What a document asks for; of several operations the one that is named, else the first.
    fn of(document: &Document<'a>, envelope: Envelope<'a>, by_route: bool) -> Option<Self> {
        let named = |wanted: &[u8]| document.operations.iter().find(|operation| operation.name == wanted);
        let wanted = envelope.name.as_deref().filter(|name| !name.is_empty());
        let Some(definition) = wanted.and_then(named).or(document.operations.first()) else {
            return Self::persisted(envelope, by_route);
        };
        let fields = document.top_fields(definition);
        let mutates = definition.kind == GraphqlKind::Mutation;
        let mut operation = Self {
            kind: definition.kind,
            name: (!definition.name.is_empty()).then_some(Cow::Borrowed(definition.name)),
            fields: Vec::new(),
            auth_operations: 0,
            labels: Labels::NONE,
            beyond_limit: false,
        };
        for field in fields {
            let labels = if mutates { labels_of_name(field) } else { labels_of_query(field) };
            operation.labels.add(labels);
            operation.auth_operations += u32::from(mutates && proves_somebody(labels));
            operation.show(field);
        }
        Some(operation)
    }

    /// A query that the server knows already: its name is all there is.
    fn persisted(envelope: Envelope<'a>, by_route: bool) -> Option<Self> {
        let name = envelope.name.filter(|name| !name.is_empty());
        if !by_route || name.is_none() && !envelope.persisted {
            return None;
        }
        let labels = name.as_deref().map_or(Labels::NONE, labels_of_name);
        let kind = if labels == Labels::NONE { GraphqlKind::Query } else { GraphqlKind::Mutation };
        let auth_operations = u32::from(proves_somebody(labels));
        Some(Self { kind, name, fields: Vec::new(), auth_operations, labels, beyond_limit: false })
    }

    /// Takes in the next operation of a batch.
    fn take(&mut self, next: Self) {
        self.auth_operations = self.auth_operations.saturating_add(next.auth_operations);
        self.labels.add(next.labels);
        next.fields.into_iter().for_each(|field| self.show(field));
    }

    fn show(&mut self, field: &'a [u8]) {
        if self.fields.len() < FIELDS_SHOWN_MAX && !self.fields.contains(&field) {
            self.fields.push(field);
        }
    }
}

/// The values of variables that are bound to known arguments and are called otherwise: `login(password: $p)`.
fn read_variables<'a>(element: &'a [u8], bindings: &[Binding<'a>], arguments: &mut Vec<Argument<'a>>) {
    if bindings.is_empty() {
        return;
    }
    json::walk(element, &KEYS, |member| {
        let is_variable = member.parent == Some(Key::Variables) && member.depth == 2;
        let bound = bindings.iter().filter(|(.., variable)| is_variable && *variable == member.name);
        for &(field, name, _) in bound.take(ARGUMENTS_MAX - arguments.len().min(ARGUMENTS_MAX)) {
            match member.value {
                Value::Text(text) => arguments.push((field, name, text.decoded())),
                Value::Number(number) => arguments.push((field, name, number.into())),
                _ => {}
            }
        }
    });
}

/// Whether a body is a document itself. Some clients send JSON under the same media type.
fn is_document(content_type: Option<&[u8]>, body: &[u8]) -> bool {
    let bare = content_type.and_then(|t| t.split(|&b| b == b';').next()).unwrap_or_default().trim_ascii();
    let mut letters = body.iter().filter(|b| !b.is_ascii_whitespace());
    let is_json = matches!((letters.next(), letters.next()), (Some(b'{'), Some(b'"')) | (Some(b'['), _));
    bare.eq_ignore_ascii_case(b"application/graphql") && !is_json
}

/// `/graphql`, `/api/graphql/v2`, `/gql`
fn names_graphql(path: &[u8]) -> bool {
    path.split(|&b| b == b'/').any(|segment| {
        segment.eq_ignore_ascii_case(b"gql")
            || segment.get(..7).is_some_and(|head| head.eq_ignore_ascii_case(b"graphql"))
    })
}

/// The elements of an array, or the whole of anything else.
fn elements(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let start = body.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
    let batch = body.get(start) == Some(&b'[');
    let mut rest = body.get(start + usize::from(batch)..).unwrap_or(&[]);
    std::iter::from_fn(move || {
        let whole = std::mem::take(&mut rest);
        if !batch {
            return Some(whole).filter(|whole| !whole.is_empty());
        }
        let end = element_end(whole);
        let (element, tail) = whole.split_at_checked(end).unwrap_or((whole, &[]));
        rest = tail.get(1..).unwrap_or(&[]);
        Some(element).filter(|element| !element.is_empty())
    })
}

/// Where the first element ends: at a comma or bracket that stands in no string and no container.
fn element_end(text: &[u8]) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0u32, false, false);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => depth -= 1,
            b',' | b']' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// What a mutation is for, by the words of its name: `verifyOtp`, `tokenAuth`, `createApiKey`.
pub(super) fn labels_of_name(name: &[u8]) -> Labels {
    let mut words = [0u8; 2 * NAME_BYTES_MAX];
    let (mut len, mut last) = (0usize, b'-');
    let mut starts = vec![0usize];
    for &letter in name.iter().take(NAME_BYTES_MAX) {
        let begins = letter == b'_' || letter.is_ascii_uppercase() && !last.is_ascii_uppercase();
        if begins && len > 0 && words.get(len - 1) != Some(&b'-') {
            if let Some(slot) = words.get_mut(len) {
                *slot = b'-';
            }
            len += 1;
            starts.push(len);
        }
        last = letter;
        if letter != b'_'
            && let Some(slot) = words.get_mut(len)
        {
            *slot = letter.to_ascii_lowercase();
            len += 1;
        }
    }
    let piece = |from: usize, to: usize| {
        labels::of_segment(words.get(from..to.min(len)).unwrap_or(&[]).trim_ascii_end())
    };
    let mut labels = piece(0, len);
    // `createApiKey`: two words side by side may be one of ours.
    for (index, &from) in starts.iter().enumerate() {
        let end = starts.get(index + 2).map_or(len, |next| next.saturating_sub(1));
        labels.add(piece(from, end));
    }
    labels
}

/// What a query is for: whose account the answer speaks of.
fn labels_of_query(name: &[u8]) -> Labels {
    let own: [&[u8]; 5] = [b"me", b"viewer", b"currentUser", b"whoami", b"session"];
    if own.iter().any(|own| name.eq_ignore_ascii_case(own)) { Labels::OWN_ACCOUNT } else { Labels::NONE }
}

/// A login, a second-factor check or the issue of a token.
fn proves_somebody(labels: Labels) -> bool {
    let verifies = labels.any(Labels::MAYBE_MFA) && labels.any(Labels::MFA_IN_AUTH);
    (labels.any(Labels::LOGIN.or(Labels::MFA).or(Labels::TOKEN)) || verifies) && !labels.any(Labels::LOGOUT)
}

#[cfg(test)]
mod tests;
