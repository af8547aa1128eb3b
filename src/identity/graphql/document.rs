//! A GraphQL document (specification of October 2021, section 2) as far as names and known arguments go.
//! It is given a document's bytes and gives operations and fragments with their top-level fields, aliases resolved.
//! It promises one pass without recursion, and that what it cannot read it passes over.

use super::super::json;
use super::super::settings::Settings;
use super::super::tables::Field;
use heelguard_detectors::transaction::GraphqlKind;
use std::borrow::Cow;

/// Levels of braces, brackets and parentheses that are followed.
const DEPTH_MAX: usize = 64;
/// Top-level fields, spreads and arguments that are kept of one document: aliases are fields.
const ITEMS_MAX: usize = 1_000;
/// Operations and fragments of one document.
const DEFINITIONS_MAX: usize = 64;

/// An argument under a name that means something: its field, name and value.
pub(super) type Argument<'a> = (Field, &'a [u8], Cow<'a, [u8]>);

/// An argument under such a name whose value is a variable: its field, its name and the variable's.
pub(super) type Binding<'a> = (Field, &'a [u8], &'a [u8]);

/// A document, read.
#[derive(Default)]
pub(super) struct Document<'a> {
    pub(super) operations: Vec<Definition<'a>>,
    fragments: Vec<Definition<'a>>,
    pub(super) arguments: Vec<Argument<'a>>,
    pub(super) bindings: Vec<Binding<'a>>,
    pub(super) beyond_limit: bool,
}

/// An operation or a fragment.
pub(super) struct Definition<'a> {
    pub(super) kind: GraphqlKind,
    pub(super) name: &'a [u8],
    is_fragment: bool,
    fields: Vec<&'a [u8]>,
    spreads: Vec<&'a [u8]>,
}

/// Whether a text could be a document: an operation or a selection of fields.
pub(super) fn is_likely(text: &[u8]) -> bool {
    let mut lexer = Lexer { rest: text };
    let opens = match lexer.next() {
        Some(Token::Mark(b'{')) => return matches!(lexer.next(), Some(Token::Name(_) | Token::Spread)),
        Some(Token::Name(word)) => kind_of(word).is_some() || word == b"fragment",
        _ => false,
    };
    opens && memchr::memchr(b'{', lexer.rest).is_some()
}

fn kind_of(word: &[u8]) -> Option<GraphqlKind> {
    match word {
        b"query" => Some(GraphqlKind::Query),
        b"mutation" => Some(GraphqlKind::Mutation),
        b"subscription" => Some(GraphqlKind::Subscription),
        _ => None,
    }
}

impl<'a> Document<'a> {
    pub(super) fn read(text: &'a [u8], settings: &Settings) -> Self {
        let mut reader = Reader::new(settings);
        let mut lexer = Lexer { rest: text };
        while let Some(token) = lexer.next() {
            if !reader.take(token) {
                reader.document.beyond_limit = true;
                break;
            }
        }
        reader.end_field();
        reader.end_definition();
        reader.document
    }

    /// The fields an operation asks for, those of its fragments among them.
    pub(super) fn top_fields(&self, operation: &Definition<'a>) -> Vec<&'a [u8]> {
        let mut fields = operation.fields.clone();
        let mut spreads = operation.spreads.clone();
        let mut at = 0;
        while let Some(&name) = spreads.get(at) {
            at += 1;
            let Some(fragment) = self.fragments.iter().find(|f| f.name == name) else { continue };
            fields.extend_from_slice(&fragment.fields);
            for inner in &fragment.spreads {
                if !spreads.contains(inner) {
                    spreads.push(inner);
                }
            }
        }
        fields.truncate(ITEMS_MAX);
        fields
    }
}

/// What a brace, bracket or parenthesis opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// A selection; `top` while its fields belong to the operation itself.
    Selection { top: bool },
    /// Arguments, or a value in them.
    Value,
}

/// What `...` is waiting for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dots {
    None,
    /// A fragment's name, `on`, or the selection of an inline fragment.
    Seen,
    /// The type behind `on`.
    Type,
}

/// The document so far, and the place in it.
struct Reader<'a, 's> {
    settings: &'s Settings,
    document: Document<'a>,
    current: Option<Definition<'a>>,
    frames: Vec<Frame>,
    /// A field whose alias, if it has one, was passed over; told when it is certain that no colon follows.
    field: Option<&'a [u8]>,
    dots: Dots,
    after_at: bool,
    argument: Option<&'a [u8]>,
    after_dollar: bool,
    items: usize,
}

impl<'a, 's> Reader<'a, 's> {
    fn new(settings: &'s Settings) -> Self {
        Self {
            settings,
            document: Document::default(),
            current: None,
            frames: Vec::new(),
            field: None,
            dots: Dots::None,
            after_at: false,
            argument: None,
            after_dollar: false,
            items: 0,
        }
    }

    /// Takes the next token; false when a limit is reached.
    fn take(&mut self, token: Token<'a>) -> bool {
        if let (true, Token::Name(_)) = (self.after_at, token) {
            self.after_at = false;
            return true;
        }
        self.after_at = token == Token::Mark(b'@');
        match self.frames.last() {
            None => self.outside(token),
            Some(Frame::Selection { top }) => {
                let top = *top;
                self.selection(token, top)
            }
            Some(Frame::Value) => self.value(token),
        }
    }

    /// Between definitions, or in the head of one.
    fn outside(&mut self, token: Token<'a>) -> bool {
        match token {
            Token::Name(word) => match &mut self.current {
                Some(definition) if definition.name.is_empty() => definition.name = word,
                Some(_) => {}
                None => self.current = definition(word),
            },
            Token::Mark(b'(' | b'[') => return self.open(Frame::Value),
            Token::Mark(b'{') => {
                // A selection alone is a query.
                self.current = self.current.take().or_else(|| definition(b"query"));
                return self.open(Frame::Selection { top: true });
            }
            _ => {}
        }
        true
    }

    fn selection(&mut self, token: Token<'a>, top: bool) -> bool {
        match token {
            Token::Name(word) => match self.dots {
                Dots::None => {
                    self.end_field();
                    self.field = top.then_some(word);
                }
                Dots::Seen if word == b"on" => self.dots = Dots::Type,
                Dots::Seen => {
                    self.dots = Dots::None;
                    if top {
                        self.spread(word);
                    }
                }
                // The type says nothing; the selection is still to come.
                Dots::Type => self.dots = Dots::Seen,
            },
            // What stood before the colon was an alias.
            Token::Mark(b':') => self.field = None,
            Token::Spread => {
                self.end_field();
                self.dots = Dots::Seen;
            }
            Token::Mark(b'{') => {
                let inline = self.dots == Dots::Seen;
                self.dots = Dots::None;
                self.end_field();
                return self.open(Frame::Selection { top: top && inline });
            }
            Token::Mark(b'(' | b'[') => return self.open(Frame::Value),
            Token::Mark(b'}') => {
                self.end_field();
                self.dots = Dots::None;
                self.frames.pop();
                if self.frames.is_empty() {
                    self.end_definition();
                }
            }
            _ => {}
        }
        // A flood of aliases is not read to its end.
        !self.document.beyond_limit
    }

    fn value(&mut self, token: Token<'a>) -> bool {
        let is_variable = std::mem::replace(&mut self.after_dollar, token == Token::Mark(b'$'));
        match token {
            Token::Name(variable) if is_variable => self.argument_variable(variable),
            Token::Name(word) => self.argument = Some(word),
            Token::Mark(b':' | b'$') => {}
            Token::Mark(b'(' | b'[' | b'{') => {
                self.argument = self.argument.filter(|_| token == Token::Mark(b'['));
                return self.open(Frame::Value);
            }
            Token::Mark(b')' | b']' | b'}') => {
                self.argument = None;
                self.frames.pop();
            }
            Token::Text(raw) => self.argument_value(unescaped(raw)),
            Token::Block(raw) | Token::Number(raw) => self.argument_value(raw.into()),
            Token::Mark(_) | Token::Spread => self.argument = None,
        }
        true
    }

    fn argument_value(&mut self, value: Cow<'a, [u8]>) {
        if let Some(name) = self.argument.take()
            && let Some(field) = self.settings.fields.get(name)
            && self.document.arguments.len() < ITEMS_MAX
        {
            self.document.arguments.push((field, name, value));
        }
    }

    fn argument_variable(&mut self, variable: &'a [u8]) {
        if let Some(name) = self.argument.take()
            && let Some(field) = self.settings.fields.get(name)
            && self.settings.fields.get(variable) != Some(field)
            && self.document.bindings.len() < ITEMS_MAX
        {
            self.document.bindings.push((field, name, variable));
        }
    }

    fn open(&mut self, frame: Frame) -> bool {
        self.frames.push(frame);
        self.frames.len() <= DEPTH_MAX
    }

    fn end_field(&mut self) {
        if let (Some(field), Some(definition)) = (self.field.take(), &mut self.current)
            && self.items < ITEMS_MAX
        {
            definition.fields.push(field);
            self.items += 1;
        } else {
            self.document.beyond_limit |= self.items >= ITEMS_MAX;
        }
    }

    fn spread(&mut self, name: &'a [u8]) {
        if let Some(definition) = &mut self.current
            && self.items < ITEMS_MAX
            && !definition.spreads.contains(&name)
        {
            definition.spreads.push(name);
            self.items += 1;
        }
    }

    fn end_definition(&mut self) {
        let Some(definition) = self.current.take() else { return };
        let document = &mut self.document;
        let list = if definition.is_fragment { &mut document.fragments } else { &mut document.operations };
        if list.len() < DEFINITIONS_MAX {
            list.push(definition);
        } else {
            document.beyond_limit = true;
        }
    }
}

/// The definition a keyword begins; any other word begins none.
fn definition<'a>(word: &[u8]) -> Option<Definition<'a>> {
    let is_fragment = word == b"fragment";
    let kind = kind_of(word).or(is_fragment.then_some(GraphqlKind::Query))?;
    Some(Definition { kind, name: &[], is_fragment, fields: Vec::new(), spreads: Vec::new() })
}

fn unescaped(raw: &[u8]) -> Cow<'_, [u8]> {
    if raw.contains(&b'\\') { json::unescape(raw).into() } else { raw.into() }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a [u8]),
    /// `...`
    Spread,
    /// One of `!$&()/:=@[]{|}` or a byte that means nothing.
    Mark(u8),
    /// A string, without its quotes.
    Text(&'a [u8]),
    /// A block string, without its quotes.
    Block(&'a [u8]),
    Number(&'a [u8]),
}

/// A document as tokens; blanks, commas and comments are none.
struct Lexer<'a> {
    rest: &'a [u8],
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let (&first, tail) = self.rest.split_first()?;
            match first {
                b'#' => {
                    let end = memchr::memchr2(b'\n', b'\r', tail).unwrap_or(tail.len());
                    self.rest = tail.get(end..).unwrap_or(&[]);
                }
                b' ' | b'\t' | b'\n' | b'\r' | b',' | 0x80.. => self.rest = tail,
                _ => break,
            }
        }
        let (&first, tail) = self.rest.split_first()?;
        Some(match first {
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                Token::Name(self.run(|b| b == b'_' || b.is_ascii_alphanumeric()))
            }
            b'0'..=b'9' | b'-' => {
                let number = self.run(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'));
                if self.rest.is_empty() { Token::Mark(first) } else { Token::Number(number) }
            }
            b'"' => self.text(tail),
            b'.' if tail.starts_with(b"..") => {
                self.rest = tail.get(2..).unwrap_or(&[]);
                Token::Spread
            }
            mark => {
                self.rest = tail;
                Token::Mark(mark)
            }
        })
    }

    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&b| !belongs(b)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        run
    }

    /// A string whose first quote was taken; one that is never closed ends with its line. One that the end of the
    /// text cut is no string: what it was is not known.
    fn text(&mut self, tail: &'a [u8]) -> Token<'a> {
        if let Some(block) = tail.strip_prefix(b"\"\"") {
            let mut ends = memchr::memmem::find_iter(block, b"\"\"\"");
            let escaped = |at: usize| at.checked_sub(1).and_then(|before| block.get(before)) == Some(&b'\\');
            let Some(end) = ends.find(|&at| !escaped(at)) else {
                self.rest = &[];
                return Token::Mark(b'"');
            };
            self.rest = block.get(end + 3..).unwrap_or(&[]);
            return Token::Block(block.get(..end).unwrap_or(block));
        }
        let mut end = 0;
        loop {
            match tail.get(end) {
                Some(b'\\') => end += 2,
                Some(b'"') => {
                    self.rest = tail.get(end + 1..).unwrap_or(&[]);
                    break;
                }
                None => {
                    self.rest = &[];
                    return Token::Mark(b'"');
                }
                Some(b'\n' | b'\r') => {
                    self.rest = tail.get(end..).unwrap_or(&[]);
                    break;
                }
                Some(_) => end += 1,
            }
        }
        Token::Text(tail.get(..end).unwrap_or(tail))
    }
}
