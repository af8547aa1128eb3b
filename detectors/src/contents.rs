//! What a request carried and what its answer held, by names and types: never a value.
//! The sensor's `identity` layer notes it where it looks into messages; inventory and comparison with descriptions of an
//! API read it.
//! It promises closed lists of types and classes, and names that hide what looks like a secret.

use crate::identity::named;
use crate::saved::saved;
use std::sync::Arc;

named! {
    /// Where a parameter stands.
    ParameterPlace {
        /// In the query string.
        Query => "query",
        /// In a JSON body.
        Json => "json",
        /// In a form, or one part of a multipart message.
        Form => "form",
    }
}

named! {
    /// What a value looks like.
    ValueType {
        /// Nothing at all: `null`, or an empty value.
        Null => "null",
        /// True or false.
        Boolean => "boolean",
        /// A whole number.
        Integer => "integer",
        /// A number with a fraction or exponent.
        Number => "number",
        /// A UUID.
        Uuid => "uuid",
        /// A date, or a date with a time (RFC 3339).
        Date => "date",
        /// An e-mail address.
        Email => "email",
        /// Other text.
        String => "string",
        /// A list.
        Array => "array",
        /// An object.
        Object => "object",
    }
}

named! {
    /// Personal or secret data in an answer, told by its form alone.
    DataClass {
        /// An e-mail address.
        Email => "email",
        /// A payment card's number whose check digit is right (ISO/IEC 7812-1).
        Card => "card",
        /// A bank account's number whose check digits are right (ISO 13616).
        Iban => "iban",
        /// A telephone number in international form (ITU-T E.164) in a field that is called like one.
        Phone => "phone",
        /// A number that a state gives to a person, where its form is well defined and its check digit is right.
        NationalId => "national_id",
        /// A token or key.
        Token => "token",
    }
}

/// A parameter of a request: its place, name and type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parameter {
    /// Where it stands.
    pub place: ParameterPlace,
    /// Its name; in JSON the way to it, members joined by a dot, `[]` behind the name of a list.
    pub name: Arc<str>,
    /// What its value looks like.
    pub kind: ValueType,
}

saved!(Parameter { place, name, kind });

/// A field of an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field {
    /// The way to it, as that of a parameter in JSON.
    pub name: Arc<str>,
    /// What its value looks like.
    pub kind: ValueType,
}

saved!(Field { name, kind });

/// What one exchange held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The request's parameters, in the order in which they came, each once.
    pub parameters: Vec<Parameter>,
    /// The fields of the answer, where it is JSON, in the order in which they came, each once.
    pub fields: Vec<Field>,
    /// What the answer holds, in the order of the list, each once.
    pub classes: Vec<DataClass>,
}

saved!(Contents { parameters, fields, classes });
