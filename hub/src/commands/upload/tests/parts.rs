//! Parts and the whole they belong to: they go together, and come back together.

use kairos_core::command::{Action, Binding};
use kairos_core::ids::{self, DeviceId, RoutineId};
use kairos_core::schema::{DEVICE_BINDINGS, ROUTINE_VARIANTS};

use super::*;

fn at(mut operation: Json, millis: i64) -> Json {
    operation["metadata"] = json!({ "at": millis });
    operation
}

fn step(habit: &str) -> Json {
    let data = json!({ "routine_id": "r", "habit_id": habit, "sort_key": habit });
    put("routine_habits", &ids::step("r", habit), data)
}

fn variant(id: &str) -> Json {
    put("routine_variants", id, json!({ "routine_id": "r", "name": id }))
}

fn bound(button: &str, habit: Option<&str>) -> Binding {
    Binding {
        button: button.into(),
        trigger: "press".into(),
        action: if habit.is_some() { Action::Complete } else { Action::RoutineStart },
        habit: habit.map(|habit| HabitId::new(habit).unwrap()),
        routine: habit.is_none().then(|| RoutineId::new("r").unwrap()),
        value: None,
        act_as: None,
    }
}

impl House {
    /// A routine of two habits with a variant, which one button starts; another button does one of the habits.
    async fn with_routine(phone: &Phone) -> House {
        let house = House::new().await;
        let rows = vec![
            tea("h1"),
            tea("h2"),
            put("routines", "r", json!({ "name": "Morning" })),
            step("h1"),
            step("h2"),
            variant("v"),
        ];
        let rows = rows.into_iter().map(|row| at(row, NOON - 100_000)).collect();
        assert_eq!(fates(&phone.send(&house, "ada", rows).await), ["applied"; 6]);
        for (secret, device) in [(1, "d1"), (2, "d2")] {
            let fields = [("name", "Button"), ("kind", "button")].map(|(name, value)| (name.to_owned(), value.into()));
            let id = DeviceId::new(device).unwrap();
            let add = Wish::AddDevice { id: id.clone(), fields: fields.into(), secret_hash: vec![secret] };
            assert_eq!(house.wish(&person("ada"), add).await.outcome, Became::Applied);
            let bindings = vec![bound("1", None), bound("2", Some("h1"))];
            let bind = Wish::Bind { device: id, bindings };
            assert_eq!(house.wish(&person("ada"), bind).await.outcome, Became::Applied);
        }
        house.clock.set(NOON + 60_000);
        house
    }

    /// How many steps, variants and bindings there are.
    async fn parts(&self) -> (usize, usize, usize) {
        let count = async |table| self.rows(table, "ada").await.len();
        (count(&ROUTINE_HABITS).await, count(&ROUTINE_VARIANTS).await, count(&DEVICE_BINDINGS).await)
    }

    async fn restore(&self, entry: &str) {
        let wish = Wish::Settle { id: entry.to_owned(), how: Settlement::Restored };
        assert_eq!(self.wish(&person("ada"), wish).await.outcome, Became::Applied);
    }
}

fn delete_routine() -> Wish {
    Wish::Routine(kairos_core::routine::Wish::Delete { id: RoutineId::new("r").unwrap() })
}

#[tokio::test]
async fn a_routine_that_is_restored_comes_with_what_went_with_it() {
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    let house = House::with_routine(&phone).await;
    let ada = person("ada");
    // A step that somebody took out before, and a button that is not in use any more when it comes back.
    assert_eq!(
        fates(&phone.send(&house, "ada", vec![delete("routine_habits", &ids::step("r", "h2"))]).await),
        ["applied"]
    );
    assert_eq!(house.wish(&ada, delete_routine()).await.outcome, Became::Applied);
    assert_eq!(house.parts().await, (0, 0, 2));
    house.wish(&ada, Wish::RevokeDevice { id: DeviceId::new("d2").unwrap() }).await;
    let late = at(patch("routines", "r", json!({ "name": "Dawn" }), json!({ "name": "Morning" })), NOON - 5000);
    let lost = tablet.send(&house, "ada", vec![late]).await;
    assert_eq!(fates(&lost), ["merged"]);
    house.restore(&lost[0].conflicts[0]).await;
    assert_eq!(house.row(&ROUTINES, "r").await.text("name"), "Dawn");
    assert_eq!(house.parts().await, (1, 1, 3));
    // Once more, from a phone, and back by a whole row.
    for _ in 0..2 {
        assert_eq!(fates(&phone.send(&house, "ada", vec![delete("routines", "r")]).await), ["applied"]);
        assert_eq!(house.parts().await, (0, 0, 2));
        let back = put("routines", "r", json!({ "name": "Morning" }));
        assert_eq!(fates(&tablet.send(&house, "ada", vec![back]).await), ["applied"]);
        assert_eq!(house.parts().await, (1, 1, 3));
    }
}

#[tokio::test]
async fn a_habit_that_is_restored_comes_with_its_buttons() {
    let phone = Phone::new("phone");
    let house = House::with_routine(&phone).await;
    let gone = at(delete("habits", "h1"), NOON + 30_000);
    assert_eq!(fates(&phone.send(&house, "ada", vec![gone]).await), ["applied"]);
    assert_eq!(house.parts().await, (2, 1, 2));
    // One of its buttons has another use now.
    let bind = Wish::Bind { device: DeviceId::new("d2").unwrap(), bindings: vec![bound("2", Some("h2"))] };
    assert_eq!(house.wish(&person("ada"), bind).await.outcome, Became::Applied);
    assert_eq!(fates(&phone.send(&house, "ada", vec![tea("h1")]).await), ["applied"]);
    let mut does: Vec<_> = house.rows(&DEVICE_BINDINGS, "ada").await;
    does.retain(|binding| binding.text("action") == "complete");
    let does: std::collections::BTreeSet<_> =
        does.iter().map(|binding| (binding.text("device_id"), binding.text("habit_id"))).collect();
    assert_eq!(does, [("d1".into(), "h1".into()), ("d2".into(), "h2".into())].into());
}

#[tokio::test]
async fn what_is_added_to_what_another_phone_deleted_is_seen_and_can_be_had_back() {
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    let house = House::with_routine(&phone).await;
    let gone = vec![at(delete("routines", "r"), NOON + 1000), at(delete("habits", "h2"), NOON + 1000)];
    assert_eq!(fates(&phone.send(&house, "ada", gone).await), ["applied"; 2]);
    let added = vec![
        tea("h3"),
        step("h3"),
        variant("w"),
        put("pauses", "p", json!({ "habit_id": "h2", "from_date": "2026-12-01" })),
        // Of a step that went with the routine: it comes back with it, and not alone.
        at(patch("routine_habits", &ids::step("r", "h1"), json!({ "sort_key": "z" }), json!({})), NOON + 500),
        put("routine_executions", "run", json!({ "routine_id": "r", "started_at": NOON })),
    ];
    let outcomes = tablet.send(&house, "ada", added).await;
    assert_eq!(fates(&outcomes), ["applied", "merged", "merged", "merged", "merged", "applied"], "{outcomes:?}");
    let open = house.open_conflicts("ada").await;
    let about: std::collections::BTreeSet<_> =
        open.iter().map(|entry| (entry.text("table_name"), entry.text("row_id"))).collect();
    assert_eq!((open.len(), about), (2, [("routines".into(), "r".into()), ("habits".into(), "h2".into())].into()));
    assert_eq!(house.parts().await, (1, 1, 2), "what was written is kept");
    for entry in open {
        house.restore(&entry.id).await;
    }
    assert_eq!(house.parts().await, (3, 2, 4));
    assert_eq!(house.row(&ROUTINE_HABITS, &ids::step("r", "h1")).await.text("sort_key"), "z");
    assert_eq!(house.row(&HABITS, "h2").await.deleted_at, None);
    // Who takes a part away again, or edits it where all is well, lost nothing.
    let fine = vec![delete("routine_habits", &ids::step("r", "h3")), patch("pauses", "p", json!({}), json!({}))];
    assert_eq!(fates(&tablet.send(&house, "ada", fine).await), ["applied"; 2]);
}

#[tokio::test]
async fn a_deletion_that_had_not_seen_what_was_added_is_noted_too() {
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    let house = House::with_routine(&phone).await;
    let added = vec![tea("h3"), at(step("h3"), NOON + 20_000)];
    assert_eq!(fates(&tablet.send(&house, "ada", added).await), ["applied"; 2]);
    let gone = phone.send(&house, "ada", vec![at(delete("routines", "r"), NOON + 10_000)]).await;
    assert_eq!((fates(&gone), house.parts().await), (vec!["merged"], (0, 0, 2)));
    house.restore(&gone[0].conflicts[0]).await;
    assert_eq!(house.parts().await, (3, 1, 4));
    // One that has seen it is none.
    house.clock.set(NOON + 120_000);
    let gone = phone.send(&house, "ada", vec![at(delete("routines", "r"), NOON + 100_000)]).await;
    assert_eq!((fates(&gone), house.parts().await), (vec!["applied"], (0, 0, 2)));
}

#[tokio::test]
async fn what_an_app_deletes_one_by_one_with_the_whole_comes_back_with_it() {
    let phone = Phone::new("phone");
    let house = House::with_routine(&phone).await;
    let act = |mut operation: Json, number: u64| {
        operation["tx_id"] = number.into();
        at(operation, NOON + 1000)
    };
    // One step goes by itself; then the other, the variant and the routine in one transaction.
    let gone = vec![
        act(delete("routine_habits", &ids::step("r", "h2")), 7),
        act(delete("routine_habits", &ids::step("r", "h1")), 8),
        act(delete("routine_variants", "v"), 8),
        act(delete("routines", "r"), 8),
    ];
    assert_eq!(fates(&phone.send(&house, "ada", gone).await), ["applied"; 4]);
    assert_eq!(house.parts().await, (0, 0, 2));
    let back = put("routines", "r", json!({ "name": "Morning" }));
    assert_eq!(fates(&phone.send(&house, "ada", vec![back]).await), ["applied"]);
    assert_eq!(house.parts().await, (1, 1, 4));
}

#[tokio::test]
async fn what_is_added_to_and_written_in_a_deleted_routine_is_one_loss() {
    let house = House::new().await;
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    phone.send(&house, "ada", vec![tea("h"), put("routines", "r", json!({ "name": "Morning" }))]).await;
    phone.send(&house, "ada", vec![delete("routines", "r")]).await;
    let step = put("routine_habits", "s", json!({ "routine_id": "r", "habit_id": "h", "sort_key": "1" }));
    let rename = |name: &str| patch("routines", "r", json!({ "name": name }), json!({ "name": "Morning" }));
    for batch in [vec![step, rename("Early")], vec![rename("Dawn")]] {
        tablet.send(&house, "ada", batch).await;
    }
    let open = house.open_conflicts("ada").await;
    let of_row = open.iter().filter(|entry| entry.text("column_name") == "deleted_at").count();
    assert_eq!(of_row, 1, "{open:?}");
}
