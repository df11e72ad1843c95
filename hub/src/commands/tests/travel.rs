//! Whose breaks a journey west ends: those that a journey made, and nobody's vacation.

use kairos_core::schema::PAUSES;

use super::*;

#[tokio::test]
async fn a_journey_west_ends_breaks_of_journeys_and_no_vacation_of_whatever_name() {
    let house = House::new().await;
    let ada = person("ada");
    house.profile("ada", vec![("email", "ada@example.org".into()), ("tz", "Pacific/Auckland".into())]).await;
    for (id, from, to) in [("now", "2026-11-20", "2026-11-30"), ("later", "2026-12-10", "2026-12-24")] {
        let fields: Fields = [("from_date", from), ("to_date", to), ("reason", "travel")]
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .into();
        house.wish(&ada, Wish::AddPause { id: id.into(), fields }).await;
    }
    // At ten in the morning of the 24th (UTC), Pago Pago has the 23rd, and Kiritimati the 25th.
    let days = async |tz: &str| {
        let fields: Fields = [("tz".to_owned(), tz.into())].into();
        assert_eq!(house.wish(&ada, Wish::EditProfile { fields }).await.outcome, Outcome::Applied);
        let found = house.store.read(|snapshot| snapshot.rows_in(&PAUSES, &[scope("ada")], "", 10)).await.unwrap();
        let mut days: Vec<(String, String)> =
            found.iter().map(|row| (row.text("from_date"), row.text("to_date"))).collect();
        days.sort();
        days
    };
    let own = [("2026-11-20", "2026-11-30"), ("2026-12-10", "2026-12-24")];
    let with = |more: &[(&str, &str)]| -> Vec<(String, String)> {
        let mut all = own.to_vec();
        all.extend(more);
        all.sort_unstable();
        all.into_iter().map(|(from, to)| (from.to_owned(), to.to_owned())).collect()
    };
    assert_eq!(days("Pacific/Pago_Pago").await, with(&[]));
    assert_eq!(days("Pacific/Kiritimati").await, with(&[("2026-11-23", "2026-11-24")]));
    assert_eq!(days("UTC").await, with(&[("2026-11-23", "2026-11-23")]));
    assert_eq!(days("Pacific/Pago_Pago").await, with(&[]));
}
