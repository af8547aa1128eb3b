//! Paths in the order they came, and the routes they are written as. Stories come in pairs.

use super::*;
use crate::identity::route::Route;
use proptest::prelude::*;

fn small() -> RoutesConfig {
    RoutesConfig { hosts_max: 8, routes_per_host_max: 40, words_per_place_max: 4 }
}

/// The route that a request for `path` gets.
fn seen(routes: &mut Routes, host: &str, path: &str, status: u16) -> String {
    let mut template = Route::default();
    template.read(path.as_bytes(), |_| false);
    let template = Arc::from(template.template.as_str());
    let route = routes.renamed(&host.into(), &template, (200..300).contains(&status));
    route.unwrap_or(template).to_string()
}

fn ok(routes: &mut Routes, path: &str) -> String {
    seen(routes, "api.example.com", path, 200)
}

#[test]
fn titles_become_a_parameter_and_the_words_of_the_api_do_not() {
    let mut routes = Routes::new(small());
    for title in ["spring", "summer", "autumn", "winter"] {
        assert_eq!(ok(&mut routes, &format!("/articles/{title}")), format!("/articles/{title}"));
        assert_eq!(ok(&mut routes, "/orders/17/items"), "/orders/{id}/items");
    }
    assert_eq!(ok(&mut routes, "/articles/harvest"), "/articles/{slug}");
    assert_eq!(ok(&mut routes, "/articles/spring"), "/articles/{slug}", "what was a word before is one now");
    assert_eq!(ok(&mut routes, "/articles/export"), "/articles/export", "a word with a meaning stays");
    assert_eq!(ok(&mut routes, "/articles/42"), "/articles/{id}");
    assert_eq!(ok(&mut routes, "/orders/18/items"), "/orders/{id}/items");
    assert_eq!(seen(&mut routes, "b.example.com", "/articles/spring", 200), "/articles/spring");
    assert_eq!(routes.counters().slugs, 1);
}

#[test]
fn what_lies_below_a_parameter_is_learned_together() {
    let mut routes = Routes::new(small());
    for (user, page) in [("ann", "files"), ("bob", "files"), ("cid", "notes"), ("dora", "links")] {
        ok(&mut routes, &format!("/home/{user}/{page}"));
    }
    assert_eq!(ok(&mut routes, "/home/eve/notes"), "/home/{slug}/notes");
    assert_eq!(ok(&mut routes, "/home/ann/links"), "/home/{slug}/links");
    // The pages of all users are one list now: a fifth page makes them a parameter too.
    assert_eq!(ok(&mut routes, "/home/ann/tags"), "/home/{slug}/tags");
    assert_eq!(ok(&mut routes, "/home/bob/drafts"), "/home/{slug}/{slug}");
    assert_eq!(ok(&mut routes, "/home/fred/files"), "/home/{slug}/{slug}");
}

#[test]
fn a_place_below_one_that_becomes_a_parameter_is_the_same_place() {
    let mut routes = Routes::new(small());
    for path in ["/x/gina", "/x/ann", "/x/bob", "/x/cid", "/x/dora", "/ann", "/bob", "/cid"] {
        ok(&mut routes, path);
    }
    // The fifth first word: what stood behind `/x` stands behind any word now.
    assert_eq!(ok(&mut routes, "/dora/ann/ann"), "/{slug}/{slug}/ann");
    assert_eq!(ok(&mut routes, "/{slug}/{slug}/ann"), "/{slug}/{slug}/ann");
}

#[test]
fn refused_paths_teach_nothing_and_fill_a_quarter() {
    let mut routes = Routes::new(small());
    ok(&mut routes, "/orders");
    let tried: Vec<String> = (0..100)
        .map(|n: u32| {
            let word: String = n.to_string().bytes().map(|digit| char::from(digit + b'1')).collect();
            seen(&mut routes, "api.example.com", &format!("/{word}x"), 404)
        })
        .collect();
    assert_eq!(tried.iter().filter(|route| *route == OTHER_ROUTE).count(), 90);
    assert_eq!(routes.counters().slugs, 0);
    assert_eq!(ok(&mut routes, "/customers"), "/customers", "what is there still has room");
    assert_eq!(seen(&mut routes, "api.example.com", "/customers", 404), "/customers");
    assert_eq!(routes.counters().other, 90);
}

#[test]
fn a_route_that_was_refused_first_counts_when_it_is_answered() {
    let mut routes = Routes::new(small());
    for word in ["a", "b", "c", "d", "e"] {
        assert_eq!(seen(&mut routes, "h", &format!("/x/{word}"), 401), format!("/x/{word}"));
    }
    for word in ["a", "b", "c", "d"] {
        assert_eq!(seen(&mut routes, "h", &format!("/x/{word}"), 200), format!("/x/{word}"));
    }
    assert_eq!(seen(&mut routes, "h", "/x/e", 200), "/x/{slug}");
}

#[test]
fn made_up_hosts_share_one_list() {
    let mut routes = Routes::new(small());
    for n in 0..1_000 {
        seen(&mut routes, &format!("h{n}.example"), "/a/b", 404);
    }
    let counters = routes.counters();
    assert_eq!((counters.hosts, counters.other_hosts), (3, 998), "two, and the list of the others");
    assert_eq!(counters.routes, 3);
    assert_eq!(seen(&mut routes, "api.example.com", "/a/b", 200), "/a/b");
    assert_eq!(routes.counters().hosts, 4);
}

#[test]
fn where_any_word_may_stand_a_bounded_number_keeps_its_meaning() {
    let mut routes = Routes::new(small());
    for title in ["a", "b", "c", "d", "e"] {
        ok(&mut routes, &format!("/x/{title}"));
    }
    let words = ["login", "logout", "token", "export", "admin", "mfa", "otp", "session", "roles"];
    let told = words.map(|word| ok(&mut routes, &format!("/x/{word}")));
    assert_eq!(told.iter().filter(|route| *route == "/x/{slug}").count(), 5, "{told:?}");
    assert_eq!(ok(&mut routes, "/x/how-to-reset-your-password"), "/x/{slug}", "a title is no word");
}

#[test]
fn damaged_bytes_are_refused() {
    let mut routes = Routes::new(small());
    ok(&mut routes, "/orders");
    let bytes = routes.save();
    let refused = |bytes: &[u8]| Routes::restore(bytes, small()).err();
    assert_eq!(refused(&bytes), None);
    assert_eq!(refused(b"{}"), Some(RoutesError::Version));
    assert_eq!(refused(&[]), Some(RoutesError::Version));
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        assert!(refused(&broken).is_some() && refused(&bytes[..at]).is_some(), "byte {at}");
    }
}

/// Paths of a few words, some with a meaning, some identifiers; few hosts, most of them served.
fn visit() -> impl Strategy<Value = (u8, Vec<u8>, bool)> {
    (0..12u8, prop::collection::vec(0..14u8, 1..4), prop::bool::weighted(0.8))
}

fn path_of(words: &[u8]) -> String {
    const WORDS: &[&str] = &[
        "ann", "bob", "cid", "dora", "eve", "fred", "gina", "login", "export", "42", "admin", "token", "x",
        "y",
    ];
    words.iter().map(|&word| format!("/{}", WORDS[usize::from(word)])).collect()
}

proptest! {
    #[test]
    fn a_pause_changes_nothing(visits in prop::collection::vec(visit(), 0..160), pause in 0..160usize) {
        let (mut whole, mut paused) = (Routes::new(small()), Routes::new(small()));
        for (at, (host, words, served)) in visits.iter().enumerate() {
            if at == pause {
                paused = Routes::restore(&paused.save(), small()).unwrap();
            }
            let (host, path, status) = (format!("h{host}"), path_of(words), if *served { 200 } else { 404 });
            prop_assert_eq!(
                seen(&mut whole, &host, &path, status),
                seen(&mut paused, &host, &path, status)
            );
        }
        prop_assert_eq!(whole.save(), paused.save());
    }

    #[test]
    fn limits_hold_and_a_route_is_its_own(visits in prop::collection::vec(visit(), 0..200)) {
        let mut routes = Routes::new(small());
        for (host, words, served) in &visits {
            let (host, path, status) = (format!("h{host}"), path_of(words), if *served { 200 } else { 404 });
            let route = seen(&mut routes, &host, &path, status);
            prop_assert_eq!(seen(&mut routes, &host, &route, 404), route, "a route is written as itself");
        }
        prop_assert!(routes.hosts.len() <= small().hosts_max + 1);
        prop_assert_eq!(routes.known.len(), routes.kept);
        for host in routes.hosts.values() {
            prop_assert!(host.sizes().0 <= small().routes_per_host_max);
        }
    }
}
