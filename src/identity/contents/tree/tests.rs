//! Texts and the ways to their members.

use super::*;
use crate::identity::contents::kinds;
use crate::identity::names::Names;
use proptest::prelude::*;

fn tree(text: &[u8]) -> (Vec<String>, bool) {
    let mut tree = Tree::new();
    json::walk(text, &Names::<u8>::new([("k", 1)]), |member| {
        if let Some((kind, _)) = kinds::of(&member.value) {
            tree.meet(&member, kind);
        }
    });
    let mut ways = Vec::new();
    tree.each(|way, kind| ways.push(format!("{}:{kind}", String::from_utf8_lossy(way))));
    (ways, tree.is_cut)
}

fn ways(text: &str) -> String {
    tree(text.as_bytes()).0.join(" ")
}

#[test]
fn members_are_told_by_the_way_to_them() {
    assert_eq!(
        ways(r#"{"id":7,"who":{"mail":"a@b.io","born":"2001-02-03"},"ok":true,"x":null,"r":1.5}"#),
        "id:integer who:object who.mail:email who.born:date ok:boolean x:null r:number"
    );
    assert_eq!(
        ways(r#"{"data":[{"id":1,"tags":["a"]},{"id":"b","tags":[]}],"next":{}}"#),
        "data:array data[]:object data[].id:integer data[].id:string data[].tags:array data[].tags[]:string \
         next:object"
    );
    assert_eq!(ways(r#"[{"id":1}]"#), "[]:object [].id:integer");
    assert_eq!(ways("{\"id\":1}\n{\"id\":2,\"n\":[]}"), "id:integer n:array");
    assert_eq!(ways(r#"{"a\u0062":1,"x":"cut"#), "ab:integer");
}

#[test]
fn keys_that_are_values_are_no_names() {
    for key in [
        "42",
        "ann@example.com",
        "123e4567-e89b-12d3-a456-426614174000",
        "2026-11-21",
        "C0012345",
        "507f1f77bcf86cd799439011",
        "Ann Smith",
        "10.0.0.7",
        "https://example.com/x",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    ] {
        let text = format!(r#"{{"by":{{"ann":{{"n":1}},"{key}":{{"n":2}},"bob":{{"m":3}}}}}}"#);
        assert_eq!(
            ways(&text),
            "by:object by.{}:object by.{}.n:integer by.{}:object by.{}.n:integer by.{}.m:integer",
            "{key}: one value among the keys makes all of them values"
        );
    }
    for name in ["id", "v1", "address_line_2", "oauth2", "s3", "createdAt", "größe", "x-y"] {
        assert_eq!(ways(&format!(r#"{{"{name}":1}}"#)), format!("{name}:integer"));
    }
}

#[test]
fn an_object_of_many_members_is_a_map() {
    let text = |members: u32| {
        let letter = |n: u32| char::from(b'a' + (n % 26) as u8);
        let member = |n: u32| format!(r#""{}{}x":1"#, letter(n / 26), letter(n));
        format!("{{{}}}", (0..members).map(member).collect::<Vec<_>>().join(","))
    };
    assert_eq!(tree(text(48).as_bytes()).0.len(), 48);
    let (many, is_cut) = tree(text(60).as_bytes());
    assert!(many.iter().all(|way| way == "{}:integer") && !is_cut, "{many:?}");
}

#[test]
fn what_is_too_deep_or_one_too_many_is_left_out_and_told() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(9), "}".repeat(9));
    let (told, is_cut) = tree(deep.as_bytes());
    assert_eq!((told.len(), is_cut), (8, true));
    let list = |from: u32| (from..from + 40).map(|n| format!(r#""m{n}x":1"#)).collect::<Vec<_>>().join(",");
    let wide: String = (0..6)
        .map(|n| format!(r#""o{}":{{{}}}"#, char::from(b'a' + n), list(0)))
        .collect::<Vec<_>>()
        .join(",");
    let (told, is_cut) = tree(format!("{{{wide}}}").as_bytes());
    assert_eq!((told.len(), is_cut), (NODES_MAX - 1, true));
}

proptest! {
    #[test]
    fn any_bytes_have_a_bounded_tree(bytes in prop::collection::vec(prop::sample::select(b"[]{}\",:\\ a1@".to_vec()), 0..400)) {
        let (told, _) = tree(&bytes);
        prop_assert!(told.len() < NODES_MAX * ValueType::ALL.len());
    }

    #[test]
    fn values_never_become_names(value in "[A-Za-z0-9 @._-]{5,20}") {
        let text = format!(r#"{{"a":"{value}","b":["{value}"],"c":{{"d":"{value}"}}}}"#);
        let told = ways(&text);
        prop_assert!(!told.contains(&value) || ["array", "object", "string"].iter().any(|word| word.contains(&value)), "{}", told);
    }
}
