#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use Direction::{Publish, Subscribe};
use proptest::prelude::*;

fn grant(class: Class, prefixes: &[&str]) -> Grant {
    Grant { credential: "c".into(), class, prefixes: prefixes.iter().map(ToString::to_string).collect() }
}

fn device() -> Grant {
    grant(Class::Device, &["kairos/device/a"])
}

/// Checks each text and names the ones judged wrongly.
fn check(grant: &Grant, direction: Direction, allowed: bool, texts: &[&str]) {
    let wrong: Vec<_> = texts.iter().filter(|text| may(grant, direction, text) != allowed).collect();
    assert!(wrong.is_empty(), "{:?} {direction:?} should be {allowed}: {wrong:?}", grant.class);
}

#[test]
fn a_device_publishes_its_three_topics_and_nothing_else() {
    let device = device();
    check(&device, Publish, true, &["kairos/device/a/event", "kairos/device/a/status", "kairos/device/a/info"]);
    check(
        &device,
        Publish,
        false,
        &[
            // What is the hub's to say.
            "kairos/device/a/ack",
            "kairos/device/a/state",
            "kairos/device/a",
            "kairos/device/a/",
            "kairos/device/a/other",
            "kairos/device/a/event/",
            "kairos/device/a/event/x",
            "kairos/device/a/x/event",
            "kairos/device/a//event",
            // Other devices, and names that only look alike.
            "kairos/device/b/event",
            "kairos/device/ab/event",
            "kairos/device/A/event",
            "kairos/device/а/event", // Cyrillic
            "kairos/device/a\u{200b}/event",
            "kairos/device/a /event",
            "kairos/device//event",
            "kairos/device/a/../b/event",
            "kairos/device/./a/event",
            "kairos/Device/a/event",
            "KAIROS/DEVICE/A/EVENT",
            "kairos/device/a/Event",
            "kairos/device/a/event ",
            " kairos/device/a/event",
            "/kairos/device/a/event",
            "kairos//device/a/event",
            "kairos/device/a/evént",
            "kairos\\device\\a\\event",
            // Wildcards, control characters, reserved trees.
            "kairos/device/+/event",
            "kairos/device/a/#",
            "kairos/device/a/+",
            "kairos/device/#/event",
            "+/device/a/event",
            "#",
            "+",
            "",
            "/",
            "//",
            "kairos/device/a/event\0",
            "kairos/device/a\0/event",
            "kairos/device/a/event\n",
            "kairos/device/a/\u{7f}event",
            "kairos/device/a/\u{85}event",
            "$SYS/broker/uptime",
            "$SYS",
            "$",
            "$share/g/kairos/device/a/event",
            "$kairos/device/a/event",
            "$queue/kairos/device/a/event",
            // Other people's places.
            "kairos/hub/status",
            "kairos/hub/habit/1/set",
            "kairos/pair/x/hello",
            "kairos/pair/x/credentials",
            "homeassistant/sensor/x/config",
            "zigbee2mqtt/x",
            "esphome/discover",
            "éclairage/salon",
        ],
    );
}

#[test]
fn a_device_reads_its_own_subtree_and_nothing_else() {
    let device = device();
    check(
        &device,
        Subscribe,
        true,
        &[
            "kairos/device/a/ack",
            "kairos/device/a/state",
            "kairos/device/a/#",
            "kairos/device/a/+",
            "kairos/device/a/+/x",
            "$share/g/kairos/device/a/ack",
            "$share/kairos/kairos/device/a/#",
        ],
    );
    check(
        &device,
        Subscribe,
        false,
        &[
            "#",
            "+",
            "+/#",
            "+/+/+/+",
            "/#",
            "kairos/#",
            "kairos/+/#",
            "kairos/device/#",
            "kairos/device/+",
            "kairos/device/+/ack",
            "kairos/device/+/+",
            "kairos/+/a/ack",
            "+/device/a/ack",
            "kairos/device/a",
            "kairos/device/a#",
            "kairos/device/a/#/x",
            "kairos/device/a/x#",
            "kairos/device/a/+x",
            "kairos/device/a/x+",
            "kairos/device/a/##",
            "kairos/device/a/++",
            "kairos/device/b/ack",
            "kairos/device/ab/#",
            "kairos/device//#",
            "kairos/device",
            "kairos/hub/#",
            "kairos/pair/#",
            "kairos/pair/+/credentials",
            "homeassistant/#",
            "zigbee2mqtt/#",
            "",
            "/",
            "kairos/device/a/\0",
            "kairos/device/a/\u{1}",
            // Reserved trees and disguises by a share.
            "$SYS/#",
            "$SYS/broker/clients/connected",
            "$",
            "$/#",
            "$share",
            "$share/",
            "$share/g",
            "$share/g/",
            "$share//kairos/device/a/ack",
            "$share/+/kairos/device/a/ack",
            "$share/#/kairos/device/a/ack",
            "$share/g/#",
            "$share/g/+/#",
            "$share/g/kairos/device/b/ack",
            "$share/g/kairos/device/#",
            "$share/g/$SYS/#",
            "$share/g/$share/g/kairos/device/a/ack",
            "$SHARE/g/kairos/device/a/ack",
            "$share/kairos/device/a/ack",
            "$queue/kairos/device/a/ack",
            "$exclusive/kairos/device/a/ack",
            "$delayed/1/kairos/device/a/ack",
        ],
    );
}

#[test]
fn wills_are_publishes_that_need_no_person() {
    let device = device();
    assert!(may_leave_will(&device, "kairos/device/a/status"));
    assert!(may_leave_will(&device, "kairos/device/a/info"));
    for topic in ["kairos/device/a/event", "kairos/device/a/ack", "kairos/device/b/status", "$SYS/x", "#", ""] {
        assert!(!may_leave_will(&device, topic), "{topic}");
    }
    let pair = grant(Class::Pair, &["kairos/pair/x"]);
    assert!(!may_leave_will(&pair, "kairos/pair/x/hello"));
    let home = grant(Class::HomeAssistant, &["homeassistant"]);
    assert!(may_leave_will(&home, "homeassistant/status"));
    assert!(!may_leave_will(&home, "kairos/hub/habit/1/set"));
}

#[test]
fn a_grant_without_exactly_one_prefix_reaches_nothing() {
    for prefixes in [
        &[][..],
        &[""],
        &["/"],
        &["kairos/device/a/"],
        &["kairos/device/+"],
        &["kairos/device/#"],
        &["kairos/device/a", "kairos/device/b"],
    ] {
        let odd = grant(Class::Device, prefixes);
        check(&odd, Publish, false, &["kairos/device/a/event", "kairos/device/+/event", "/event", "//event", "event"]);
        check(&odd, Subscribe, false, &["kairos/device/a/#", "kairos/device/a//#", "#", "/#", "kairos/device/+/#"]);
    }
}

#[test]
fn pairing_is_one_question_and_one_answer() {
    let pair = grant(Class::Pair, &["kairos/pair/x"]);
    check(&pair, Publish, true, &["kairos/pair/x/hello"]);
    check(
        &pair,
        Publish,
        false,
        &[
            "kairos/pair/x/credentials",
            "kairos/pair/y/hello",
            "kairos/pair/x/hello/y",
            "kairos/pair/x",
            "kairos/pair/hello",
        ],
    );
    check(&pair, Subscribe, true, &["kairos/pair/x/credentials", "kairos/pair/x/#"]);
    check(
        &pair,
        Subscribe,
        false,
        &["kairos/pair/+/credentials", "kairos/pair/#", "kairos/pair/y/credentials", "kairos/device/a/#", "#"],
    );
}

#[test]
fn other_makers_stay_within_their_prefixes() {
    let shelly = grant(Class::Foreign, &["shellyplus1-aa", "homeassistant/+/shellyplus1-aa/#", "stat/tasmota/#"]);
    let allowed = [
        "shellyplus1-aa",
        "shellyplus1-aa/events/rpc",
        "homeassistant/sensor/shellyplus1-aa/config",
        "stat/tasmota/RESULT",
    ];
    check(&shelly, Publish, true, &allowed);
    check(&shelly, Subscribe, true, &allowed);
    check(
        &shelly,
        Subscribe,
        true,
        &[
            "shellyplus1-aa/#",
            "homeassistant/+/shellyplus1-aa/#",
            "homeassistant/+/shellyplus1-aa",
            "$share/g/stat/tasmota/+",
        ],
    );
    let refused = [
        "shellyplus1-ab/events/rpc",
        "shellyplus1-aaa",
        "homeassistant/sensor/other/config",
        "homeassistant/status",
        "stat/other/RESULT",
        "stat",
        "kairos/device/a/event",
        "kairos/hub/status",
        "$SYS/x",
    ];
    check(&shelly, Publish, false, &refused);
    check(&shelly, Subscribe, false, &refused);
    check(
        &shelly,
        Subscribe,
        false,
        &[
            "homeassistant/#",
            "homeassistant/+/#",
            "homeassistant/+/+/config",
            "stat/#",
            "stat/+/RESULT",
            "#",
            "+/#",
            "$share/g/#",
        ],
    );
}

#[test]
fn no_listed_prefix_reaches_the_hubs_own_tree() {
    for prefixes in [&["#"][..], &["kairos/#"], &["+/device/a"], &["kairos/device/a"], &["+"], &["kairos"]] {
        for class in [Class::Foreign, Class::Bridge] {
            let wide = grant(class, prefixes);
            check(
                &wide,
                Publish,
                false,
                &["kairos/device/a/event", "kairos/device/a/state", "kairos/hub/status", "kairos"],
            );
            check(&wide, Subscribe, false, &["#", "+/#", "kairos/#", "kairos/device/a/state", "+/device/a/state", "+"]);
        }
    }
    let bridge = grant(Class::Bridge, &["zigbee2mqtt/#"]);
    check(&bridge, Publish, true, &["zigbee2mqtt/bridge/state", "zigbee2mqtt/Lampe im Flur/action"]);
    check(&bridge, Subscribe, true, &["zigbee2mqtt/#", "zigbee2mqtt/+/set", "zigbee2mqtt/bridge/request/#"]);
    check(&bridge, Subscribe, false, &["zigbee2mqtt2/#", "zigbee2mqt/#", "homeassistant/#"]);
}

#[test]
fn home_assistant_speaks_in_its_own_tree_and_asks_for_habits() {
    let home = grant(Class::HomeAssistant, &["homeassistant"]);
    check(&home, Publish, true, &["homeassistant/status", "kairos/hub/habit/1/set", "homeassistant/x/y/config"]);
    check(
        &home,
        Publish,
        false,
        &[
            "kairos/hub/status",
            "kairos/hub/habit/1",
            "kairos/hub/habit//set",
            "kairos/hub/habit/1/2/set",
            "kairos/hub/habit/set",
            "kairos/device/a/event",
            "kairos/hub",
        ],
    );
    check(&home, Subscribe, true, &["homeassistant/#", "kairos/hub/#", "kairos/hub/habit/+", "kairos/hub/status"]);
    check(
        &home,
        Subscribe,
        false,
        &["kairos/#", "kairos/device/#", "kairos/pair/#", "#", "$SYS/#", "kairos/hubs/#", "kairos/+/#"],
    );
    assert_eq!(kind(&home, "kairos/hub/habit/1/set"), Kind::Command);
    assert_eq!(kind(&home, "homeassistant/status"), Kind::State);
}

#[test]
fn the_hubs_own_tools_see_everything_but_the_reserved_trees() {
    let hub = grant(Class::Hub, &[]);
    check(&hub, Subscribe, true, &["#", "kairos/#", "+/+", "$share/g/#"]);
    check(&hub, Publish, true, &["kairos/device/a/state", "anything"]);
    check(&hub, Subscribe, false, &["$SYS/#", "$share/g/$SYS/#", "a/#/b"]);
    check(&hub, Publish, false, &["$SYS/x", "a/+", "a/#", ""]);
}

#[test]
fn long_and_deep_topics_are_refused_before_they_cost_anything() {
    let hub = grant(Class::Hub, &[]);
    assert!(may(&hub, Publish, &"x".repeat(MAX_TOPIC)));
    assert!(!may(&hub, Publish, &"x".repeat(MAX_TOPIC + 1)));
    assert!(may(&hub, Subscribe, &vec!["+"; MAX_LEVELS].join("/")));
    assert!(!may(&hub, Subscribe, &vec!["+"; MAX_LEVELS + 1].join("/")));
}

fn text() -> impl Strategy<Value = String> {
    let level = prop_oneof!["kairos", "device", "a", "b", "event", "ack", "\\+", "#", "\\$share", "g", "", "\\PC{0,3}"];
    prop::collection::vec(level, 0..7).prop_map(|levels| levels.join("/"))
}

/// What the specification says a filter matches, written independently of the rules above.
fn matches(filter: &str, topic: &str) -> bool {
    let (mut f, mut t) = (filter.split('/'), topic.split('/'));
    loop {
        match (f.next(), t.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_a_device_may_subscribe_to_matches_nothing_of_another(filter in text(), leaf in "[a-z]{0,5}") {
        if may(&device(), Subscribe, &filter) {
            let plain = underlying(&filter).unwrap();
            for other in ["kairos/device/b", "kairos/device/ab", "kairos/hub", "kairos/pair/a", "homeassistant", "kairos/device"] {
                let topic = format!("{other}/{leaf}");
                prop_assert!(!matches(plain, &topic), "{filter} reaches {topic}");
            }
        }
    }

    #[test]
    fn a_listed_prefix_covers_only_what_it_matches(prefix in text(), filter in text(), topic in text()) {
        let bridge = grant(Class::Bridge, &[&prefix]);
        if may(&bridge, Subscribe, &filter) && is_topic(&topic) && matches(underlying(&filter).unwrap(), &topic) {
            let whole = prefix.strip_suffix("/#").unwrap_or(&prefix);
            prop_assert!(matches(&format!("{whole}/#"), &topic), "{prefix} covers {filter}, which reaches {topic}");
            prop_assert!(!topic.starts_with("kairos/"));
        }
    }
}
