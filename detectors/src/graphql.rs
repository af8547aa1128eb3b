//! A GraphQL request by names: what it does, and how often it tries to get in.
//! The sensor's `identity` layer reads it from documents and variables; rules and records read it.
//! It promises names only: no argument and no variable's value.

use crate::identity::named;
use crate::saved::saved;
use std::sync::Arc;

named! {
    /// What a GraphQL operation does.
    GraphqlKind {
        /// Reads.
        Query => "query",
        /// Changes.
        Mutation => "mutation",
        /// Listens.
        Subscription => "subscription",
    }
}

/// A GraphQL request, by names only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graphql {
    /// What the (first) operation does.
    pub kind: GraphqlKind,
    /// The operation's name.
    pub operation: Option<Arc<str>>,
    /// The top-level fields asked for, at most eight.
    pub fields: Vec<Arc<str>>,
    /// Logins and second-factor checks asked for in this one request, by alias or batch.
    pub auth_operations: u32,
}

saved!(Graphql { kind, operation, fields, auth_operations });
