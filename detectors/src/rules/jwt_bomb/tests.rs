//! Tokens that cost their verifier dearly, and large ones that do not.

use crate::story::check;
use expect_test::expect;

#[test]
fn compressed_stretched_and_long() {
    check(
        "10:00:00 203.0.113.1 -> use GET /me 401 jwt=RSA-OAEP parts=5 header=zip
         10:01:00 203.0.113.2 -> use GET /me 401 jwt=PBES2-HS256+A128KW parts=5 p2c=2147483647
         10:02:00 203.0.113.3 -> use GET /me 401 jwt=PBES2-HS256+A128KW parts=5 p2c=50000
         10:03:00 203.0.113.4 -> use GET /me 401 jwt=RS256 token_bytes=9000
         10:04:00 203.0.113.5 -> use GET /me 502 jwt=RSA-OAEP parts=5 header=zip token_bytes=250000",
        expect![[r#"
            10:00:00.000 JWT-06 jwt_bomb medium 203.0.113.1: token that is compressed from 203.0.113.1, refused with 401 on GET /me
            10:01:00.000 JWT-06 jwt_bomb medium 203.0.113.2: token whose key takes 2147483647 rounds from 203.0.113.2, refused with 401 on GET /me
            10:02:00.000 JWT-06 jwt_bomb low 203.0.113.3: token whose key takes 50000 rounds from 203.0.113.3, refused with 401 on GET /me
            10:03:00.000 JWT-06 jwt_bomb low 203.0.113.4: token of 9000 bytes from 203.0.113.4, refused with 401 on GET /me
            10:04:00.000 JWT-06 jwt_bomb high 203.0.113.5: token that is compressed and of 250000 bytes from 203.0.113.5, answered with 502 on GET /me, a fault of the server
        "#]],
    );
}

#[test]
fn ordinary_tokens_and_those_a_server_makes() {
    check(
        "10:00:00 203.0.113.1 -> use GET /me 200 user=ann jwt=RSA-OAEP parts=5
         10:00:01 203.0.113.1 -> use GET /me 401 jwt=RS256 header=zip
         10:00:02 203.0.113.1 -> use GET /me 200 user=ann jwt=dir parts=5 header=zip host=a.example
         10:00:03 203.0.113.2 -> use GET /me 401 jwt=dir parts=5 header=zip host=a.example
         10:00:04 203.0.113.1 -> use GET /me 200 user=ann jwt=PBES2-HS256+A128KW parts=5 p2c=100000 host=b.example
         10:00:05 203.0.113.2 -> use GET /me 401 jwt=PBES2-HS256+A128KW parts=5 p2c=100000 host=b.example
         10:00:06 203.0.113.2 -> use GET /me 401 jwt=PBES2-HS256+A128KW parts=5 p2c=8192",
        expect![""],
    );
}

#[test]
fn long_tokens_that_are_accepted_are_told_once_a_day() {
    check(
        "10:00:00 10.0.1.{1..50} -> use GET /me 200 user=u{1..50} jwt=RS256 token_bytes=12000 every 10m
         1d+10:00:00 10.0.1.1 -> use GET /me 200 user=u1 jwt=RS256 token_bytes=12000",
        expect![[r#"
            10:00:00.000 JWT-06 jwt_bomb low 10.0.1.1: token of 12000 bytes from 10.0.1.1, accepted on GET /me
            10:00:00.000 JWT-06 jwt_bomb low 10.0.1.1: token of 12000 bytes from 10.0.1.1, accepted on GET /me
        "#]],
    );
}

#[test]
fn a_server_that_stumbles_over_it() {
    check(
        "10:00:00 10.0.1.1 -> use GET /me 200 user=ann jwt=RS256 ttfb=150ms x20
         10:01:00 203.0.113.1 -> use GET /me 401 jwt=RSA-OAEP parts=5 header=zip ttfb=1501ms
         10:02:00 203.0.113.2 -> use GET /me 401 jwt=RSA-OAEP parts=5 header=zip ttfb=1500ms
         10:03:00 203.0.113.3 -> use GET /me 500 jwt=RS256 token_bytes=9000",
        expect![[r#"
            10:01:00.000 JWT-06 jwt_bomb high 203.0.113.1: token that is compressed from 203.0.113.1, refused with 401 on GET /me after 1501 ms (usual: 150 ms)
            10:02:00.000 JWT-06 jwt_bomb medium 203.0.113.2: token that is compressed from 203.0.113.2, refused with 401 on GET /me
            10:03:00.000 JWT-06 jwt_bomb medium 203.0.113.3: token of 9000 bytes from 203.0.113.3, answered with 500 on GET /me, a fault of the server
        "#]],
    );
    // A wait that is long for this server and short for everybody, and one where nothing is usual yet.
    check(
        "10:00:00 10.0.1.1 -> use GET /me 200 user=ann jwt=RS256 ttfb=1ms x20
         10:01:00 203.0.113.1 -> use GET /me 401 jwt=RSA-OAEP parts=5 header=zip ttfb=999ms
         11:00:00 10.0.1.1 -> use GET /me 200 user=ann jwt=RS256 ttfb=1ms host=b.example x19
         11:01:00 203.0.113.1 -> use GET /me 401 jwt=RSA-OAEP parts=5 header=zip ttfb=9s host=b.example",
        expect![[r#"
            10:01:00.000 JWT-06 jwt_bomb medium 203.0.113.1: token that is compressed from 203.0.113.1, refused with 401 on GET /me
            11:01:00.000 JWT-06 jwt_bomb medium 203.0.113.1: token that is compressed from 203.0.113.1, refused with 401 on GET /me
        "#]],
    );
}
