//! The two halves of a transaction's record, and the client they belong to.
//! It is given the vocabulary's types and borrows from them.
//! It promises names of closed lists by their public names, and values only where the contract allows them.

use heelguard_detectors::identity::{AddressClass, Country};
use heelguard_detectors::label::{Label, Labels};
use heelguard_detectors::transaction::{Client, Graphql, IdentityHeader, Request, Response};
use serde::{Serialize, Serializer};
use std::net::IpAddr;
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct RequestPart<'a> {
    method: &'a str,
    scheme: &'static str,
    host: &'a str,
    path: &'a str,
    route: &'a str,
    query_keys: &'a [Arc<str>],
    bytes: u64,
    content_type: Option<&'a str>,
    user_agent: Option<&'a str>,
    agent_kind: &'static str,
    // What follows goes beyond the first version of the schema.
    labels: LabelNames,
    identity_headers: IdentityHeaders<'a>,
}

impl<'a> RequestPart<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        Self {
            method: &request.method,
            scheme: request.scheme,
            host: &request.host,
            path: &request.path,
            route: &request.route,
            query_keys: &request.query_keys,
            bytes: request.bytes,
            content_type: request.content_type.as_deref(),
            user_agent: request.user_agent.as_deref(),
            agent_kind: request.agent_kind.name(),
            labels: LabelNames(request.labels),
            identity_headers: IdentityHeaders(&request.identity_headers),
        }
    }
}

/// What a route is for, in the order of the list.
pub(crate) struct LabelNames(pub(crate) Labels);

impl Serialize for LabelNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Label::name))
    }
}

struct IdentityHeaders<'a>(&'a [IdentityHeader]);

impl Serialize for IdentityHeaders<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|header| IdentityHeaderPart {
            name: &header.name,
            claim: header.claim.name(),
            by_proxy: header.by_proxy,
        }))
    }
}

#[derive(Serialize)]
struct IdentityHeaderPart<'a> {
    name: &'a str,
    claim: &'static str,
    by_proxy: bool,
}

/// A GraphQL operation, by names.
#[derive(Serialize)]
pub(super) struct GraphqlPart<'a> {
    kind: &'static str,
    operation: Option<&'a str>,
    fields: &'a [Arc<str>],
    auth_operations: u32,
}

impl<'a> GraphqlPart<'a> {
    pub(super) fn new(graphql: &'a Graphql) -> Self {
        Self {
            kind: graphql.kind.name(),
            operation: graphql.operation.as_deref(),
            fields: &graphql.fields,
            auth_operations: graphql.auth_operations,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ResponsePart<'a> {
    status: Option<u16>,
    grpc_status: Option<u32>,
    bytes: u64,
    content_type: Option<&'a str>,
    items: Option<u32>,
    retry_after_s: Option<u32>,
}

impl<'a> ResponsePart<'a> {
    pub(super) fn new(response: &'a Response) -> Self {
        Self {
            // 0 stands for a status line that a strict client does not understand.
            status: Some(response.status).filter(|&status| status != 0),
            grpc_status: response.grpc_status,
            bytes: response.bytes,
            content_type: response.content_type.as_deref(),
            items: response.items,
            retry_after_s: response.retry_after_s,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ClientPart<'a> {
    ip: IpAddr,
    country: Option<&'a str>,
    city: Option<&'a str>,
    lat: Option<f64>,
    lon: Option<f64>,
    asn: Option<u32>,
    class: Option<&'static str>,
    claimed_ip: Option<IpAddr>,
}

impl<'a> ClientPart<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self {
            ip: client.ip,
            country: client.country.as_ref().map(Country::as_str),
            city: client.city.as_deref(),
            lat: client.place.map(|place| place.lat),
            lon: client.place.map(|place| place.lon),
            asn: client.asn,
            class: client.class.map(AddressClass::name),
            claimed_ip: client.claimed_ip,
        }
    }
}
