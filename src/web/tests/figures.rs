//! The page beside the report of the same ledger.

use super::{get, of_ledger};
use crate::ledger::Ledger;
use crate::report::{Form, Kind, Range, Sight, Source, Told, of_ledger as report_of};
use crate::sinks::record::samples;
use heelguard_detectors::story::transactions;
use serde_json::Value;
use std::sync::Arc;

#[test]
fn the_page_has_the_figures_of_the_report() {
    let story = "09:00:00 203.0.113.{1..12} -> use GET /admin/users 200 user=u{1..12} session=s{1..12} proof=mfa has_mfa labels=admin x3
         09:30:00 203.0.113.7 -> use GET /admin/users 200 user=u1 key=k1 proof=api_key has_mfa labels=admin x5
         10:00:00 203.0.113.8 -> use GET /orders 200 user=u2 session=s2 proof=mfa has_mfa x4
         10:10:00 203.0.113.9 -> use GET /orders 200 user=u3 session=s30 proof=password has_mfa x2";
    let ledger = Arc::new(Ledger::default());
    transactions(story).unwrap().iter().for_each(|tx| ledger.observe(tx));
    let source = Source { kind: Kind::Capture, name: String::new() };
    let told = Told { labels: &samples::labels(), source, range: Range::default(), sight: Sight::of_state() };
    let report: Value = serde_json::from_str(&report_of(&ledger, told).write(Form::Json)).unwrap();
    let door = of_ledger(ledger, None);
    let gaps = report["coverage"]["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    // Names may break at their joints.
    let page = |path: &str| get(&door, path).1.replace("<wbr>", "");
    let coverage = page("/coverage");
    for gap in gaps {
        for part in ["evidence", "advice"] {
            let words = gap[part].as_str().unwrap();
            assert!(coverage.contains(words), "{words}");
        }
    }
    let successes = report["coverage"]["successes"].as_u64().unwrap();
    let mfa = report["coverage"]["proofs"]["mfa"].as_u64().unwrap();
    assert_eq!((successes, mfa), (47, 40));
    assert!(coverage.contains(&format!("{:.1} %", mfa as f64 * 100.0 / successes as f64)));
    let key = &report["keys"]["passports"][0];
    let passport = page(&format!("/keys/{}", key["fingerprint"].as_str().unwrap()));
    for grant in key["grants"].as_array().unwrap() {
        let cell = format!("<td class=\"number\">{}</td>", grant["success"]);
        assert!(passport.contains(grant["route"].as_str().unwrap()) && passport.contains(&cell), "{grant}");
    }
    for (count, words) in
        [("calls", "calls"), ("privileged", "privileged calls"), ("around_mfa", "calls around the owner")]
    {
        let card = format!("{}</b><span class=\"soft\">{words}", key[count]);
        assert!(passport.contains(&card), "{card}");
    }
    let endpoints = page("/endpoints?sort=risk");
    let first = &report["exposures"]["endpoints"][0];
    assert!(
        first["risk"].as_u64() > Some(0) && endpoints.contains(first["endpoint"]["route"].as_str().unwrap())
    );
}
