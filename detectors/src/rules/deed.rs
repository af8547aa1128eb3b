//! What a request does to the API, as far as its words tell: whether it changes anything.
//! Shared by the rules about what keys may do.
//! It promises to take a call for one that only reads where its method, its operation or its name says so.

use crate::transaction::{GraphqlKind, Protocol, Request, Transaction};

/// What calls of gRPC that only read begin with.
const READING: &[&str] = &[
    "get", "list", "watch", "search", "find", "query", "read", "fetch", "describe", "lookup", "count",
    "check", "batchget", "stream", "export",
];
/// What the last segment of a path is called where a POST only asks.
const ASKING: &[&str] =
    &["search", "query", "find", "lookup", "list", "filter", "count", "batchget", "preview"];

/// Whether it changes something.
pub(super) fn writes(tx: &Transaction, request: &Request) -> bool {
    if let Some(graphql) = &request.graphql {
        return graphql.kind == GraphqlKind::Mutation;
    }
    let last = request.route.rsplit(['/', ':']).next().unwrap_or_default();
    match &*request.method {
        "POST" if tx.protocol == Protocol::Grpc => !READING.iter().any(|word| begins_with_word(last, word)),
        "POST" => {
            let last = last.trim_start_matches('_');
            !ASKING.iter().any(|word| last.eq_ignore_ascii_case(word))
        }
        "PUT" | "PATCH" | "DELETE" => true,
        _ => false,
    }
}

/// `GetUser` begins with `get`; `Getaway` does not.
fn begins_with_word(name: &str, word: &str) -> bool {
    let (Some(start), Some(rest)) = (name.get(..word.len()), name.get(word.len()..)) else { return false };
    start.eq_ignore_ascii_case(word) && !rest.starts_with(|next: char| next.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::transactions;

    fn writes_of(line: &str) -> bool {
        let tx = transactions(&format!("10:00:00 203.0.113.7 -> use {line}")).unwrap().remove(0);
        writes(&tx, tx.request.as_ref().unwrap())
    }

    #[test]
    fn a_method_tells() {
        for line in ["POST /orders 200", "PUT /a 200", "PATCH /a 200", "DELETE /a 404"] {
            assert!(writes_of(line), "{line}");
        }
        for line in ["GET /orders 200", "HEAD /a 200", "OPTIONS /a 200", "PROPFIND /a 200"] {
            assert!(!writes_of(line), "{line}");
        }
    }

    #[test]
    fn a_question_that_is_posted_is_one() {
        for line in ["POST /orders/search 200", "POST /logs/_search 200", "POST /v1/users:lookup 200"] {
            assert!(!writes_of(line), "{line}");
        }
        assert!(writes_of("POST /search/rebuild 200") && writes_of("POST /researchers 200"));
    }

    #[test]
    fn calls_of_grpc_are_told_by_their_names() {
        for call in ["ListOrders", "Get", "getOrder", "WatchOrders"] {
            assert!(!writes_of(&format!("POST /shop.Orders/{call} 200 grpc")), "{call}");
        }
        for call in ["Cancel", "Getaway", "Listen", "CreateOrder"] {
            assert!(writes_of(&format!("POST /shop.Orders/{call} 200 grpc")), "{call}");
        }
    }
}
