//! Stories of places: a country never seen before, a journey nobody can make, and ordinary travel.
//! They are given the stage and write attacks and innocents on it.
//! They promise distances and times that leave no doubt: thousands of kilometres in minutes, or hundreds in hours.

use super::{About, Stage};
use crate::demo::people::App;
use crate::demo::work;

pub(super) fn tell(stage: &mut Stage) {
    new_country(stage);
    impossible_travel(stage);
    train_ride(stage);
    other_network(stage);
}

/// Signs in at home, and eight hours later from Spain: a flight, or someone else.
fn new_country(stage: &mut Stage) {
    let chloe = stage.person("chloe.dubois", App::Mobile, true, "DE");
    let home = stage.clock(6, 25);
    work::routine(&mut stage.script(&chloe.visitor, home), &chloe, 5);
    let abroad = chloe.from(App::Mobile, "ES", &mut stage.random);
    let from = stage.clock(15, 2);
    let mut script = stage.script(&abroad.visitor, from);
    work::routine(&mut script, &abroad, 6);
    let to = script.now;
    stage.attack(
        "new_country",
        &["new_device"],
        About::person(&abroad),
        (from, to),
        "an account at home in Germany signs in from Spain",
    );
}

/// Works in Germany, and twelve minutes later someone with the same account works in Brazil.
fn impossible_travel(stage: &mut Stage) {
    let viktor = stage.person("viktor.fischer", App::Web, true, "DE");
    let home = stage.clock(10, 50);
    let mut script = stage.script(&viktor.visitor, home);
    work::routine(&mut script, &viktor, 14);
    let until = script.now;
    let thief = viktor.from(App::Web, "BR", &mut stage.random);
    let from = stage.clock(11, 2);
    let mut script = stage.script(&thief.visitor, from);
    work::routine(&mut script, &thief, 7);
    let to = script.now.max(until);
    stage.attack(
        "impossible_travel",
        &["new_country", "new_device", "concurrent_locations", "session_hijack"],
        About { clients: vec![viktor.visitor.address, thief.visitor.address], ..About::person(&thief) },
        (from, to),
        "one account works in Germany and, twelve minutes later, in Brazil",
    );
}

/// Breakfast in Germany, lunch in the Netherlands: a new country, and a journey anyone can make.
fn train_ride(stage: &mut Stage) {
    let elena = stage.person("elena.moreau", App::Desktop, true, "DE");
    let breakfast = stage.clock(6, 50);
    work::routine(&mut stage.script(&elena.visitor, breakfast), &elena, 5);
    let address = crate::demo::places::of("NL").v4(&mut stage.random);
    let abroad = elena.at(address);
    let from = stage.clock(12, 10);
    let mut script = stage.script(&abroad.visitor, from);
    work::routine(&mut script, &abroad, 6);
    let to = script.now;
    stage.attack(
        "new_country",
        &[],
        About::person(&abroad),
        (from, to),
        "a traveller with her own device signs in from the next country",
    );
    stage.innocent(
        "impossible_travel",
        About::person(&abroad),
        (from, to),
        "five hours for 500 kilometres by train",
    );
}

/// From the office to a phone network of the same country.
fn other_network(stage: &mut Stage) {
    let dmitri = stage.person("dmitri.zielinski", App::Mobile, true, "PL");
    let from = stage.clock(7, 30);
    work::routine(&mut stage.script(&dmitri.visitor, from), &dmitri, 5);
    let on_the_road = dmitri.roaming(&mut stage.random);
    let later = stage.clock(8, 20);
    let mut script = stage.script(&on_the_road.visitor, later);
    work::routine(&mut script, &on_the_road, 5);
    let to = script.now;
    stage.innocent(
        "new_country",
        About::person(&on_the_road),
        (from, to),
        "another network of the same country",
    );
    stage.innocent(
        "impossible_travel",
        About::person(&on_the_road),
        (from, to),
        "another network of the same country",
    );
}
