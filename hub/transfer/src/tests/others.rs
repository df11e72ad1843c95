use serde_json::{Value, json};

use super::*;
use crate::{Format, Origin, detect, read};

fn of(value: &Value) -> Portable {
    let portable = read("export.json", value.to_string().as_bytes()).unwrap();
    sound(&portable);
    portable
}

fn named<'a>(portable: &'a Portable, name: &str) -> &'a PortableHabit {
    portable.habits.iter().find(|habit| habit.name() == name).unwrap()
}

fn habitkit() -> Value {
    let habit = |id: &str, order: i64, inverse: bool, archived: bool| {
        json!({"id": id, "name": id.to_uppercase(), "description": null, "icon": "book", "color": "indigo", "emoji": null,
               "archived": archived, "isInverse": inverse, "orderIndex": order, "createdAt": "2026-01-01T08:00:00.000000Z"})
    };
    let completion = |habit: &str, date: &str, offset: i64, amount: i64, note: Value| {
        json!({"id": format!("{habit}{date}"), "date": date, "habitId": habit, "timezoneOffsetInMinutes": offset,
               "amountOfCompletions": amount, "note": note})
    };
    let interval = |habit: &str, end: Value, kind: &str, times: Value, per_day: i64| {
        json!({"id": format!("{habit}{end}"), "habitId": habit, "startDate": "2026-01-01T00:00:00.000Z", "endDate": end,
               "type": kind, "requiredNumberOfCompletions": times, "requiredNumberOfCompletionsPerDay": per_day,
               "unitType": "incremental", "streakType": "day", "allowExceedingGoal": true})
    };
    json!({
        "habits": [habit("read", 1, false, false), habit("snack", 2, true, false), habit("gym", 0, false, true),
                   habit("water", 3, false, false), habit("free", 4, false, false)],
        "completions": [
            completion("read", "2026-05-14T22:30:00.000Z", 120, 1, json!("late")),
            completion("read", "2026-05-16T00:00:00.000Z", 0, 2, Value::Null),
            completion("snack", "2026-05-15T10:00:00.000Z", 60, 3, Value::Null),
            completion("gym", "2026-05-12T00:00:00.000Z", -60, 1, Value::Null),
            completion("water", "2026-05-15T08:00:00.000Z", 0, 2, json!("a")),
            completion("water", "2026-05-15T20:00:00.000Z", 0, 1, json!("b")),
            completion("water", "2026-05-16T20:00:00.000Z", 0, 0, Value::Null),
            completion("gone", "2026-05-16T20:00:00.000Z", 0, 1, Value::Null),
            completion("free", "soon", 0, 1, Value::Null),
            completion("free", "2026-05-16T20:00:00.000Z", 99_999, 1, Value::Null),
        ],
        "intervals": [
            interval("read", Value::Null, "day", Value::Null, 1),
            interval("gym", Value::Null, "week", json!(3), 1),
            interval("water", json!("2026-02-01T00:00:00.000Z"), "month", json!(2), 1),
            interval("water", Value::Null, "day", Value::Null, 8),
            interval("snack", Value::Null, "day", Value::Null, 1),
            interval("free", Value::Null, "none", Value::Null, 1),
        ],
        "categories": [], "categoryMappings": [], "reminders": [{"id": "r", "habitId": "read", "hour": 8}],
    })
}

#[test]
fn habitkit_is_read() {
    let portable = of(&habitkit());
    assert_eq!(portable.source, Origin::HabitKit);
    assert_eq!(
        portable.habits.iter().map(PortableHabit::name).collect::<Vec<_>>(),
        ["GYM", "READ", "SNACK", "WATER", "FREE"]
    );
    let look = json!({"icon": "book", "color": "indigo"});
    let with = |more: Value| {
        let mut all = look.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    assert_eq!(
        columns(named(&portable, "GYM")),
        with(json!({"freq_num": 3, "freq_den": 7, "freq_window": "calendar", "status": "ARCHIVED"}))
    );
    assert_eq!(columns(named(&portable, "READ")), look);
    assert_eq!(columns(named(&portable, "SNACK")), with(json!({"kind": "avoid"})));
    assert_eq!(
        columns(named(&portable, "WATER")),
        with(json!({"kind": "measurable", "target_type": "at_least", "target_value": 8.0}))
    );
    // The day is the one where the person was.
    assert_eq!(short(named(&portable, "READ")), ["2026-05-15 full late", "2026-05-16 full"]);
    assert_eq!(short(named(&portable, "GYM")), ["2026-05-11 full"]);
    assert_eq!(short(named(&portable, "SNACK")), ["2026-05-15 lapse 3"]);
    assert_eq!(short(named(&portable, "WATER")), ["2026-05-15 set 3 a\nb"]);
    assert_eq!(named(&portable, "READ").entries[0].occurred_at, Some(1_778_797_800_000));
    assert_eq!(portable.unknowns, 1);
    assert_eq!(
        remarks(&portable, RemarkKind::LeftOut),
        [
            "completion 8: The completion belongs to no habit. It was left out.",
            "FREE: completion 9: This is no day from 1970 to 2199. The line was left out.",
            "FREE: completion 10: This is no day from 1970 to 2199. The line was left out.",
        ]
    );
    assert_eq!(
        remarks(&portable, RemarkKind::Note),
        [
            "WATER: habit 4: Its goal changed over time. The newest one is brought along.",
            "Reminders are not brought along.",
            "READ: habit 1: 1 days hold more than once; each counts as done.",
        ]
    );
}

fn habitica() -> Value {
    // 2026-05-15 at half past midnight in Berlin, which is still the 14th where days begin at four.
    let night = 1_778_797_800_000_i64;
    let hours = |count: i64| night + count * 3_600_000;
    json!({
        "preferences": {"timezoneOffset": -120, "dayStart": 4},
        "tasks": {
            "dailys": [
                {"_id": "d1", "text": "Floss", "notes": "Upper too", "frequency": "weekly", "everyX": 1,
                 "repeat": {"m": true, "t": true, "w": true, "th": true, "f": true, "s": false, "su": false},
                 "history": [{"date": hours(24), "value": 0.5}, {"date": night, "value": 1.0},
                             {"date": hours(48), "value": 1.4}]},
                {"id": "d2", "text": "Walk", "frequency": "daily", "everyX": 3, "type": "daily",
                 "history": [{"date": night, "value": -1.0, "isDue": true, "completed": true},
                             {"date": hours(24), "value": 4.0, "isDue": true, "completed": false}]},
                {"_id": "d3", "text": "Bins", "frequency": "weekly", "everyX": 2,
                 "repeat": {"m": false, "t": true, "w": false, "th": true, "f": false, "s": false, "su": true}, "history": []},
                {"_id": "d4", "text": "Rent", "frequency": "monthly", "everyX": 1, "history": []},
            ],
            "habits": [
                {"_id": "h1", "text": "Stairs", "up": true, "down": false,
                 "history": [{"date": night, "value": 1.0, "scoredUp": 2, "scoredDown": 0},
                             {"date": hours(1), "value": 1.5, "scoredUp": 1, "scoredDown": 0},
                             {"date": "x", "value": 1}]},
                {"_id": "h2", "text": "Nails", "up": false, "down": true,
                 "history": [{"date": night, "value": -1.0, "scoredUp": 0, "scoredDown": 1}]},
                {"_id": "h3", "text": "Mood", "up": true, "down": true, "history": [{"date": night, "value": 1.0}]},
            ],
            "todos": [{"text": "x"}], "rewards": [{"text": "y"}],
        }
    })
}

#[test]
fn habitica_is_read() {
    let portable = of(&habitica());
    assert_eq!(portable.source, Origin::Habitica);
    assert_eq!(columns(named(&portable, "Floss")), json!({"description": "Upper too", "frequency": "WEEKDAYS"}));
    // The history is read by time: 1.0, then 0.5, then 1.4.
    assert_eq!(short(named(&portable, "Floss")), ["2026-05-14 full", "2026-05-16 full"]);
    assert_eq!(columns(named(&portable, "Walk")), json!({"freq_num": 1, "freq_den": 3, "freq_window": "rolling"}));
    assert_eq!(short(named(&portable, "Walk")), ["2026-05-14 full"], "the word outweighs the value");
    assert_eq!(columns(named(&portable, "Bins")), json!({"frequency": "CUSTOM", "active_days": "[2,4,7]"}));
    assert_eq!(columns(named(&portable, "Rent")), json!({"freq_num": 1, "freq_den": 30, "freq_window": "calendar"}));
    assert_eq!(columns(named(&portable, "Nails")), json!({"kind": "avoid"}));
    assert_eq!(short(named(&portable, "Stairs")), ["2026-05-14 set 3"]);
    assert_eq!(short(named(&portable, "Nails")), ["2026-05-14 lapse 1"]);
    assert_eq!(short(named(&portable, "Mood")), ["2026-05-14 set 1"]);
    assert_eq!(portable.unknowns, 2);
    assert_eq!(
        remarks(&portable, RemarkKind::LeftOut),
        [
            "Stairs: habit 1, entry 3: `date` and `value` must be numbers. The entry was left out.",
            "2 to-dos and rewards are no habits. They were left out.",
        ]
    );
    assert_eq!(
        remarks(&portable, RemarkKind::Mended),
        ["Bins: daily 3: Its rhythm is none that can be kept. The nearest one was taken."]
    );
}

#[test]
fn the_history_of_habitica_is_read() {
    let text = "Task Name,Task ID,Task Type,Date,Value\n\
                Floss,d1,daily,2026-05-14 23:30:00,1\nFloss,d1,daily,2026-05-15 06:00:00,0.5\n\
                \"Stairs, up\",h1,habit,2026-05-14 08:00:00,1\n\"Stairs, up\",h1,habit,2026-05-14 09:00:00,2\n\
                Buy,t1,todo,2026-05-14 09:00:00,2\nX,x,wish,2026-05-14 09:00:00,2\nFloss,d1,daily,soon,1\n\
                Floss,d1,daily,2026-05-17 06:00:00,NaN\n";
    let portable = read("habitica-tasks-history.csv", text.as_bytes()).unwrap();
    sound(&portable);
    assert_eq!(short(named(&portable, "Floss")), ["2026-05-14 full"]);
    assert_eq!(short(named(&portable, "Stairs, up")), ["2026-05-14 set 2"]);
    assert_eq!(portable.habits[0].reference, "d1");
    assert_eq!(
        remarks(&portable, RemarkKind::LeftOut),
        [
            "X: line 7: The task's type is none that is known. The line was left out.",
            "Floss: line 8: This is no day from 1970 to 2199. The line was left out.",
            "Floss: line 9: Its value is not a number. The line was left out.",
            "1 lines of to-dos and rewards were left out.",
        ]
    );
}

#[test]
fn habitbull_is_read() {
    let text = "\u{feff}HabitName,HabitDescription,HabitCategory,CalendarDate,Value,CommentText\r\n\
                Run,Far,Health,2016-01-01,1,\"wet, cold\"\r\nRun,Far,Health,2016-01-02,0,\r\n\
                Water,,,2016-01-01,1,\r\nWater,,,2016-01-02,5,\r\n\
                Run,Far,Health,2016-01-01,1,\r\nRun,Far,Health,02/01/2016,1,\r\nRun,Far,Health,2016-01-03,-1,\r\n,,,2016-01-03,1,\r\n";
    let portable = read("HabitBull.csv", text.as_bytes()).unwrap();
    sound(&portable);
    assert_eq!(portable.source, Origin::HabitBull);
    assert_eq!(columns(named(&portable, "Run")), json!({"description": "Far"}));
    assert_eq!(short(named(&portable, "Run")), ["2016-01-01 full wet, cold"]);
    assert_eq!(short(named(&portable, "Water")), ["2016-01-01 set 1", "2016-01-02 set 5"]);
    assert_eq!(portable.unknowns, 1);
    assert_eq!(
        remarks(&portable, RemarkKind::LeftOut),
        [
            "Run: line 7: This is no day from 1970 to 2199. The line was left out.",
            "Run: line 8: Its value is not a number from 0 on. The line was left out.",
            "line 9: The line names no habit. It was left out.",
            "Run: line 6: 2016-01-01 is named again. What was there first stays.",
        ]
    );
    assert_eq!(remarks(&portable, RemarkKind::Mended).len(), 1, "a target is not in the file");
}

fn table_habit() -> Value {
    let habit = |name: &str, kind: i64, goal: f64, unit: &str, freq: (i64, &str), records: Value| {
        json!({"create_t": goal.to_bits() ^ name.len() as u64, "modify_t": 2, "type": kind, "status": 1, "name": name,
               "desc": "", "color": 3, "daily_goal": goal, "daily_goal_unit": unit, "freq_type": freq.0,
               "freq_custom": freq.1, "start_date": 20_000, "target_days": 30, "records": records})
    };
    let record = |date: i64, kind: i64, value: f64| {
        json!({"record_date": date, "record_type": kind, "record_value": value, "create_t": 1, "modify_t": 1,
               "reason": if kind == 2 { "ill" } else { "" }})
    };
    let mut deleted = habit("Gone", 1, 1.0, "", (3, "[1,1]"), json!([]));
    deleted["status"] = json!(2);
    let mut archived = habit("Old", 1, 1.0, "", (2, "[4]"), json!([]));
    archived["status"] = json!(3);
    json!({"habits": [
        habit("Walk", 1, 1.0, "", (1, "[3]"), json!([
            record(20_781, 1, 1.0), record(20_782, 2, 0.0), record(20_783, 1, 0.25), record(20_784, 0, 1.0),
            record(20_785, 9, 1.0), record(-9, 1, 1.0)])),
        habit("Water", 1, 8.0, "glasses", (3, "[1,1]"), json!([record(20_781, 1, 8.0), record(20_782, 1, 1e300)])),
        habit("Coffee", 2, 2.0, "cups", (3, "[2,5]"), json!([record(20_781, 1, 3.0)])),
        habit("Smoke", 2, 0.0, "", (9, "?"), json!([record(20_781, 1, 3.0), record(20_782, 1, 0.0)])),
        deleted, archived,
    ]})
}

#[test]
fn table_habit_is_read() {
    let portable = of(&table_habit());
    assert_eq!(portable.source, Origin::TableHabit);
    assert_eq!(columns(named(&portable, "Walk")), json!({"freq_num": 3, "freq_den": 7, "freq_window": "calendar"}));
    assert_eq!(short(named(&portable, "Walk")), ["2026-11-24 full", "2026-11-25 skip ill", "2026-11-26 partial 25"]);
    assert_eq!(
        columns(named(&portable, "Water")),
        json!({"freq_num": 1, "freq_den": 1, "kind": "measurable", "target_type": "at_least", "target_value": 8.0,
               "unit": "glasses"})
    );
    assert_eq!(short(named(&portable, "Water")), ["2026-11-24 set 8"]);
    assert_eq!(
        columns(named(&portable, "Coffee")),
        json!({"freq_num": 2, "freq_den": 5, "freq_window": "rolling", "kind": "measurable", "target_type": "at_most",
               "target_value": 2.0, "unit": "cups"})
    );
    assert_eq!(short(named(&portable, "Smoke")), ["2026-11-24 lapse 3"]);
    assert_eq!(
        columns(named(&portable, "Old")),
        json!({"freq_num": 4, "freq_den": 30, "freq_window": "calendar", "status": "ARCHIVED"})
    );
    assert_eq!(
        remarks(&portable, RemarkKind::LeftOut),
        [
            "Walk: habit 1, record 5: `record_type` is none that is known. The day was left out.",
            "Walk: habit 1, record 6: This is no day from 1970 to 2199. The line was left out.",
            "Water: habit 2, record 2: The amount of 2026-11-25 is not from 0 to 1000000000. It was left out.",
            "Gone: habit 5: The habit was deleted there. It was left out.",
        ]
    );
    assert_eq!(portable.unknowns, 2);
}

#[test]
fn beaverhabits_is_read() {
    let portable = of(&json!({"habits": [
        {"name": "Order", "records": [
            {"day": "2026-11-24", "done": true, "text": "desk"}, {"day": "2026-11-23", "done": false},
            {"day": "2026-11-22", "done": false, "text": "ill"}, {"day": "2026-11-24", "done": true},
            {"day": "24.11.2026", "done": true}, {"day": "2026-11-20", "done": "yes"}]},
        {"name": "Order", "id": "b", "status": "archive", "records": []},
        {"name": "Order", "records": [{"day": "2026-11-24", "done": true}]},
        "x",
    ]}));
    assert_eq!(portable.source, Origin::Beaver);
    assert_eq!(short(&portable.habits[0]), ["2026-11-24 full desk"]);
    let references: Vec<&str> = portable.habits.iter().map(|habit| habit.reference.as_str()).collect();
    assert_eq!(references, ["name:Order", "b", "name:Order#2"]);
    assert_eq!(portable.report().archived, 1);
    assert_eq!(portable.unknowns, 2);
    assert_eq!(
        remarks(&portable, RemarkKind::LeftOut),
        [
            "Order: habit 1, record 3: A note on a day without a deed was left out.",
            "Order: habit 1, record 4: 2026-11-24 is named again. What was there first stays.",
            "Order: habit 1, record 5: This is no day from 1970 to 2199. The line was left out.",
            "Order: habit 1, record 6: `done` must be true or false. The day was left out.",
            "habit 4: This is no habit. It was left out.",
        ]
    );
}

#[test]
fn each_format_is_told_by_its_content() {
    let json = |value: &Value| detect("x", value.to_string().as_bytes());
    assert_eq!(json(&habitkit()).unwrap(), Format::HabitKit);
    assert_eq!(json(&habitica()).unwrap(), Format::HabiticaUser);
    assert_eq!(json(&table_habit()).unwrap(), Format::TableHabit);
    assert_eq!(json(&json!({"habits": [{"name": "a", "records": []}]})).unwrap(), Format::Beaver);
    let csv = |head: &str| detect("x.csv", head.as_bytes());
    assert_eq!(csv("Task Name,Task ID,Task Type,Date,Value\n").unwrap(), Format::HabiticaHistory);
    assert_eq!(
        csv("habitname,HabitDescription,HabitCategory,CalendarDate,Value,CommentText").unwrap(),
        Format::HabitBull
    );
    for (name, bytes, says) in [
        ("a.csv", &b""[..], "empty"),
        ("a.csv", b"a,b,c\n1,2,3", "nor of Loop"),
        ("a.xlsx", b"\x00\x01", "Export it as CSV"),
        ("a.db", b"SQLite", "damaged"),
        ("a.json", b"{\"habits\":[{\"x\":1}]}", "nor of Loop"),
        ("a.json", b"{\"habits\":7}", "nor of Loop"),
        ("a.json", b"{\"habits\":", "ends too early"),
    ] {
        let unknown = detect(name, bytes).unwrap_err().to_string();
        assert!(unknown.contains(says), "{name}: {unknown}");
        assert_eq!(read(name, bytes).unwrap_err().message, unknown);
    }
}

/// The ids that make a second import add nothing.
#[test]
fn a_day_has_the_same_id_in_every_import() {
    let (ada, bob) = (UserId::new("ada").unwrap(), UserId::new("bob").unwrap());
    let ids = |person: &UserId| -> Vec<String> {
        let portable = of(&habitkit());
        let all = portable.habits.iter().flat_map(|habit| habit.entries.iter().map(move |entry| (habit, entry)));
        all.map(|(habit, entry)| portable.source.event_id(person, &habit.reference, entry.date).to_string()).collect()
    };
    assert_eq!(ids(&ada), ids(&ada));
    assert_eq!(ids(&ada).iter().collect::<std::collections::BTreeSet<_>>().len(), ids(&ada).len());
    assert!(ids(&ada).iter().all(|id| !ids(&bob).contains(id)));
    assert_ne!(Origin::Loop.habit_id(&ada, "x"), Origin::Beaver.habit_id(&ada, "x"));
}
