//! Names are one line, whoever gives them; what an older version let in stands in nobody's way.

use kairos_core::change::Origin;
use kairos_core::schema::{DEVICES, HABITS};

use super::*;

#[tokio::test]
async fn names_with_control_characters_are_refused() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[]).await;
    for name in ["\u{1b}[31mX", "a\nb", "a\u{9b}b"] {
        let fields: Fields = [("name".to_owned(), name.into())].into();
        let receipt = house.wish(&ada, Wish::EditHabit { id: habit.clone(), fields: fields.clone() }).await;
        assert_eq!(code(&receipt), RejectionCode::Invalid, "{name:?}");
        let mut fields = fields;
        fields.insert("kind".into(), "button".into());
        let wish = Wish::AddDevice { id: DeviceId::new("b1").unwrap(), fields, secret_hash: vec![1] };
        assert_eq!(code(&house.wish(&ada, wish).await), RejectionCode::Invalid, "{name:?}");
    }
    let note: Fields = [("description".to_owned(), "one\n\ttwo".into())].into();
    assert_eq!(house.wish(&ada, Wish::EditHabit { id: habit, fields: note }).await.outcome, Outcome::Applied);
}

#[tokio::test]
async fn what_an_older_version_let_in_hinders_no_other_change() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[]).await;
    let device = DeviceId::new("b1").unwrap();
    let fields = [("name", "Button"), ("kind", "button")].map(|(name, value)| (name.to_owned(), value.into())).into();
    house.wish(&ada, Wish::AddDevice { id: device.clone(), fields, secret_hash: vec![1] }).await;
    for (table, id) in [(&HABITS, habit.as_str()), (&DEVICES, device.as_str())] {
        let id = id.to_owned();
        let put = house.store.write(move |tx| {
            let mut row = tx.row(table, &id)?.unwrap();
            let at = tx.tick();
            row.set("name", "\u{1b}[31mX", &at);
            row.set("step", 1e300, &at);
            tx.put(&row, Origin::Local)
        });
        put.await.unwrap();
    }
    let edit = |name: &str, value: Value| {
        house.wish(&ada, Wish::EditHabit { id: habit.clone(), fields: [(name.to_owned(), value)].into() })
    };
    assert_eq!(edit("color", "blue".into()).await.outcome, Outcome::Applied);
    assert_eq!(code(&edit("step", 1e300.into()).await), RejectionCode::Invalid);
    assert_eq!(edit("step", 2.0.into()).await.outcome, Outcome::Applied);
    let fields = [("battery_pct".to_owned(), Value::Integer(80))].into();
    let noted = house.wish(&button("ada", "b1"), Wish::NoteDevice { id: device, fields }).await;
    assert_eq!(noted.outcome, Outcome::Applied);
    let nameless = Wish::AddHabit { id: HabitId::new("h2").unwrap(), fields: Fields::new() };
    assert_eq!(code(&house.wish(&ada, nameless).await), RejectionCode::Invalid, "a new row must be whole");
}
