//! Writes small databases in MaxMind's format, so that tests need no files of others.
//! It is given networks with a JSON record each and lays out search tree, data and metadata (MaxMind DB 2.0).
//! It promises the plainest form: 32-bit tree records, no pointers.

use serde_json::Value;
use std::net::IpAddr;

const STRING: u8 = 2;
const DOUBLE: u8 = 3;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;

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
    push_control(&mut file, MAP, 9);
    for (key, value) in [
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
        ("ip_version", version),
        ("record_size", 32),
    ] {
        push_string(&mut file, key);
        push_control(&mut file, UINT16, 2);
        file.extend(value.to_be_bytes());
    }
    push_string(&mut file, "node_count");
    push_control(&mut file, UINT32, 4);
    file.extend(u32::try_from(count).unwrap().to_be_bytes());
    push_string(&mut file, "build_epoch");
    push_control(&mut file, UINT64, 0);
    push_string(&mut file, "database_type");
    push_string(&mut file, "Test");
    push_string(&mut file, "description");
    push_control(&mut file, MAP, 0);
    push_string(&mut file, "languages");
    push_control(&mut file, ARRAY, 0);
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
        node = if let Slot::Node(next) = tree[node][bit] {
            next
        } else {
            tree.push([Slot::Empty; 2]);
            tree[node][bit] = Slot::Node(tree.len() - 1);
            tree.len() - 1
        };
    }
    tree[node][*last] = Slot::Data(offset);
}

/// Strings, doubles, 16-bit integers, as MaxMind writes radii, wider ones and maps: all that records hold.
fn push_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => push_string(out, text),
        Value::Number(number) => match number.as_u64() {
            Some(whole) if whole < 0x1_0000 => {
                push_control(out, UINT16, 2);
                out.extend((whole as u16).to_be_bytes());
            }
            Some(whole) => {
                push_control(out, UINT32, 4);
                out.extend(u32::try_from(whole).unwrap().to_be_bytes());
            }
            None => {
                push_control(out, DOUBLE, 8);
                out.extend(number.as_f64().unwrap().to_be_bytes());
            }
        },
        Value::Object(map) => {
            push_control(out, MAP, map.len());
            for (key, value) in map {
                push_string(out, key);
                push_value(out, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Array(_) => unreachable!("not in these records"),
    }
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    push_control(out, STRING, text.len());
    out.extend(text.bytes());
}

/// Type and size; a type beyond the three bits stands in a byte of its own, less 7, and a size beyond 28 likewise.
fn push_control(out: &mut Vec<u8>, kind: u8, size: usize) {
    assert!(size < 29 + 256);
    let (size, more) = if size < 29 { (size, None) } else { (29, Some(size - 29)) };
    if kind < 8 {
        out.push(kind << 5 | size as u8);
    } else {
        out.extend([size as u8, kind - 7]);
    }
    out.extend(more.map(|more| more as u8));
}
