//! Writes small databases in MaxMind's format, so that tests need no files of others.
//! It is given networks with a JSON record each and lays out search tree, data and metadata (MaxMind DB 2.0).
//! It promises the plainest form: 32-bit tree records, no pointers.

use serde_json::{Value, json};
use std::net::IpAddr;

/// A database for IP `version` 4 or 6; networks are written like `81.2.69.0/24`.
pub(super) fn mmdb(version: u16, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut tree: Vec<[Slot; 2]> = vec![[Slot::Empty; 2]];
    let mut data = Vec::new();
    for (network, record) in networks {
        let offset = data.len();
        push_value(&mut data, record);
        insert(&mut tree, &bits(version, network), offset);
    }
    let count = tree.len();
    let mut file = Vec::new();
    for slot in tree.iter().flatten() {
        let value = match *slot {
            Slot::Empty => count,
            Slot::Node(node) => node,
            Slot::Data(offset) => count + 16 + offset,
        };
        file.extend(u32::try_from(value).unwrap().to_be_bytes());
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_767_312_000,
        "database_type": "Test", "description": {}, "ip_version": version, "languages": [],
        "node_count": count, "record_size": 32,
    });
    push_value(&mut file, &metadata);
    file
}

#[derive(Clone, Copy)]
enum Slot {
    Empty,
    Node(usize),
    Data(usize),
}

fn bits(version: u16, network: &str) -> Vec<usize> {
    let (ip, length) = network.split_once('/').unwrap();
    let length: usize = length.parse().unwrap();
    let (value, skipped, length) = match ip.parse().unwrap() {
        IpAddr::V4(v4) if version == 4 => (u128::from(v4.to_bits()), 96, length),
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 0, 96 + length),
        IpAddr::V6(v6) => (v6.to_bits(), 0, length),
    };
    (skipped..skipped + length).map(|bit| (value >> (127 - bit)) as usize & 1).collect()
}

fn insert(tree: &mut Vec<[Slot; 2]>, bits: &[usize], offset: usize) {
    let (last, path) = bits.split_last().unwrap();
    let mut node = 0;
    for &bit in path {
        node = match tree[node][bit] {
            Slot::Node(next) => next,
            _ => {
                tree.push([Slot::Empty; 2]);
                tree[node][bit] = Slot::Node(tree.len() - 1);
                tree.len() - 1
            }
        };
    }
    tree[node][*last] = Slot::Data(offset);
}

/// Strings, doubles, unsigned integers and maps: all that records hold. Metadata has an empty list beside them.
fn push_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => {
            push_control(out, 2, text.len());
            out.extend(text.bytes());
        }
        Value::Number(number) if number.is_u64() => {
            push_control(out, 6, 4);
            out.extend(u32::try_from(number.as_u64().unwrap()).unwrap().to_be_bytes());
        }
        Value::Number(number) => {
            push_control(out, 3, 8);
            out.extend(number.as_f64().unwrap().to_be_bytes());
        }
        Value::Object(map) => {
            push_control(out, 7, map.len());
            for (key, value) in map {
                push_value(out, &Value::String(key.clone()));
                push_value(out, value);
            }
        }
        // Type 11 is beyond the three bits of the control byte and stands in a byte of its own, less 7.
        Value::Array(list) if list.is_empty() => out.extend([0, 11 - 7]),
        Value::Null | Value::Bool(_) | Value::Array(_) => unreachable!("not in these records"),
    }
}

fn push_control(out: &mut Vec<u8>, kind: u8, size: usize) {
    assert!(size < 29 + 256);
    match u8::try_from(size) {
        Ok(size @ 0..29) => out.push(kind << 5 | size),
        _ => out.extend([kind << 5 | 29, (size - 29) as u8]),
    }
}
