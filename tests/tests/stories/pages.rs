//! The app's own pages in Chromium, through what happens to them: a hub that is killed.

use kairos_tests::{Database, House, Relay, Script, until};
use serde_json::json;

use super::peers::{ANDROID, node, peer};

/// How many plain habits there are to complete.
const HABITS: usize = 9;

/// A page taps without the hub, is opened again without it, and sends; the hub is killed four times meanwhile.
async fn killed_while_it_sends(agent: &str) {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let mut habits = Vec::new();
    for n in 0..HABITS {
        habits.push(ada.habit(&format!("Habit {n}")).await);
    }
    let water = ada.counted_habit("Water", 1000.0).await;
    // The page stays at its address, whatever port the hub has after a start.
    let relay = Relay::start(house.ports.http).await;
    let mut phone = node("killed.mjs", &house);
    phone.env("HUB_URL", relay.url()).env("AGENT", agent);
    phone.env("EMAIL", "ada@example.org").env("PASSWORD", "correct horse battery");
    phone.env("HABITS", habits.join(",")).env("COUNTED", &water);
    let mut phone = Script::start(phone);
    let waiting = phone.reaches("WAITING").await;
    let events = waiting["events"].as_i64().unwrap();
    let held = |house: &House| Database::open(&house.database()).number("SELECT count(*) FROM completion_events");
    assert_eq!(held(&house), 0);

    phone.tell("go").await;
    for part in 1..=4 {
        let enough = events * part / 6;
        until("a part of it", async || (held(&house) >= enough).then_some(())).await;
        house.kill().await;
        let there = held(&house);
        assert!(there < events, "all {events} were there before the hub was killed: the story shows nothing");
        println!("killed with {there} of {events} events");
        house.boot().await;
        relay.point_to(house.ports.http);
    }
    println!("{}", phone.reaches("AGAIN").await);
    let equal = phone.reaches("EQUAL").await;
    phone.ends().await;
    let database = Database::open(&house.database());
    let scope = format!("u:{}", ada.user_id);
    assert_eq!(equal["events"], json!(database.living("completion_events", &scope)));
    assert_eq!(equal["days"], json!(database.living("completions", &scope)));
    assert_eq!(equal["days"], waiting["days"], "the page's own ids");
    assert_eq!(database.number("SELECT count(*) FROM conflicts"), 0);
    database.is_consistent();
    house.is_well().await;
}

/// On a desk a worker syncs for all tabs.
#[tokio::test]
async fn a_hub_that_is_killed_while_a_page_sends_ends_with_the_same_events() {
    killed_while_it_sends("").await;
}

/// On a phone the page does.
#[tokio::test]
async fn a_hub_that_is_killed_while_a_phone_sends_ends_with_the_same_events() {
    killed_while_it_sends(ANDROID).await;
}

#[tokio::test]
async fn a_tap_on_a_phone_is_on_the_mirror_within_a_second() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let tea = ada.habit("Tea").await;
    let mut mirror = node("mirror.mjs", &house);
    mirror.env("TAP", "1").env("HABIT_ID", &tea);
    mirror.env("EMAIL", "ada@example.org").env("PASSWORD", "correct horse battery");
    println!("{:?}", peer(mirror).await);
    assert_eq!(ada.item(&tea).await["done"], true);
}
