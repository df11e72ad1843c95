//! Bindings: a list as a whole, of what a device can press, and nothing overflows by it.

use kairos_core::schema::DEVICES;

use super::*;

async fn with_button(house: &House, by: &Principal) -> DeviceId {
    let device = DeviceId::new("b1").unwrap();
    let fields = [("name", "Button"), ("kind", "button")].map(|(name, value)| (name.to_owned(), value.into())).into();
    let receipt = house.wish(by, Wish::AddDevice { id: device.clone(), fields, secret_hash: vec![1] }).await;
    assert_eq!(receipt.outcome, Outcome::Applied);
    device
}

#[tokio::test]
async fn a_binding_that_no_press_could_reach_is_refused_by_its_field() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[]).await;
    let device = with_button(&house, &ada).await;
    let bind = |button: &str, trigger: &str, action, value| Binding {
        button: button.into(),
        trigger: trigger.into(),
        action,
        habit: Some(habit.clone()),
        routine: None,
        value,
        act_as: None,
    };
    let long = "x".repeat(33);
    for (binding, field) in [
        (bind("a b", "press", Action::Complete, None), "bindings[0].button"),
        (bind("", "press", Action::Complete, None), "bindings[0].button"),
        (bind("é", "press", Action::Complete, None), "bindings[0].button"),
        (bind("1", &long, Action::Complete, None), "bindings[0].trigger"),
        (bind("a|b", "press", Action::Complete, None), "bindings[0].button"),
        (bind("a", "b|press", Action::Complete, None), "bindings[0].trigger"),
        (bind("1", "press", Action::Add, Some(1e300)), "bindings[0].value"),
        (bind("1", "press", Action::Add, Some(-3.0)), "bindings[0].value"),
        (bind("1", "press", Action::Add, Some(0.0)), "bindings[0].value"),
        (bind("1", "press", Action::Add, Some(f64::NAN)), "bindings[0].value"),
        (bind("1", "press", Action::Partial, None), "bindings[0].value"),
        (bind("1", "press", Action::Partial, Some(100.0)), "bindings[0].value"),
        (bind("1", "press", Action::Complete, Some(1.0)), "bindings[0].value"),
    ] {
        let receipt = house.wish(&ada, Wish::Bind { device: device.clone(), bindings: vec![binding.clone()] }).await;
        let Outcome::Rejected(rejection) = receipt.outcome else { panic!("{binding:?} was taken") };
        assert_eq!(rejection.field.as_deref(), Some(field), "{binding:?}");
    }
    let fine = vec![
        bind("1", "press", Action::Add, None),
        bind("1", "long", Action::Add, Some(1e9)),
        bind("2", "press", Action::Partial, Some(50.0)),
        bind(&"x".repeat(32), "tag:04-a2", Action::Complete, None),
    ];
    assert_eq!(house.wish(&ada, Wish::Bind { device, bindings: fine }).await.outcome, Outcome::Applied);
    assert_eq!(house.count(&DEVICE_BINDINGS).await, 4);
}

#[tokio::test]
async fn what_was_bound_before_these_rules_is_shown_as_it_may_be_set_again() {
    let house = House::new().await;
    let ada = person("ada");
    let device = with_button(&house, &ada).await;
    let row = |button: &str, action: &str, value: f64| {
        let at = kairos_core::hlc::Hlc::from_parts(1, 0, "a");
        let mut row = Row::new(&DEVICE_BINDINGS, "r", scope("ada"), ada.user.clone(), 1);
        for (name, text) in
            [("device_id", device.as_str()), ("button", button), ("trigger_key", "press"), ("action", action)]
        {
            row.set(name, text, &at);
        }
        row.set("value", value, &at);
        crate::roster::binding(&row)
    };
    assert_eq!(row("1", "add", 1e300).unwrap().value, None, "the habit's step counts");
    assert_eq!(row("1", "add", 2.0).unwrap().value, Some(2.0));
    assert_eq!(row("1", "complete", 2.0).unwrap().value, None);
    assert_eq!(row("a b", "complete", 2.0), None);
    assert_eq!(house.count(&DEVICES).await, 1);
}

#[tokio::test]
async fn a_step_beyond_every_amount_is_refused() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[]).await;
    for (name, value) in [("step", 1e300), ("step", 0.0), ("target_value", 2e9), ("target_value", -1.0)] {
        let fields = [(name.to_owned(), Value::from(value))].into();
        let receipt = house.wish(&ada, Wish::EditHabit { id: habit.clone(), fields }).await;
        assert_eq!(code(&receipt), RejectionCode::Invalid, "{name} {value}");
    }
}

#[tokio::test]
async fn bindings_are_replaced_as_a_whole_and_go_with_their_habit() {
    let house = House::new().await;
    let ada = person("ada");
    let (water, walk) = (house.habit(&ada, &[]).await, house.habit(&ada, &[]).await);
    let device = DeviceId::new("b1").unwrap();
    let fields: Fields =
        [("name".to_owned(), Value::from("Button")), ("kind".to_owned(), Value::from("button"))].into();
    house.wish(&ada, Wish::AddDevice { id: device.clone(), fields, secret_hash: vec![1] }).await;
    let bind = |trigger: &str, habit: &HabitId| Binding {
        button: "1".into(),
        trigger: trigger.into(),
        action: Action::Complete,
        habit: Some(habit.clone()),
        routine: None,
        value: None,
        act_as: None,
    };
    let set = |bindings: Vec<Binding>| house.wish(&ada, Wish::Bind { device: device.clone(), bindings });
    assert_eq!(set(vec![bind("press", &water), bind("long", &walk)]).await.outcome, Outcome::Applied);
    assert_eq!(set(vec![bind("press", &water), bind("long", &walk)]).await.outcome, Outcome::Unchanged);
    assert_eq!(set(vec![bind("press", &water)]).await.outcome, Outcome::Applied);
    assert_eq!(house.count(&DEVICE_BINDINGS).await, 1);
    assert_eq!(
        set(vec![bind("press", &walk), bind("press", &water)]).await.outcome,
        set(vec![bind("press", &walk), bind("press", &water)]).await.outcome
    );
    assert_eq!(house.count(&DEVICE_BINDINGS).await, 1, "a refused list changes nothing");
    let logged = house.store.read(|snapshot| snapshot.changes_after(0, None, 1000)).await.unwrap();
    let announced = house.store.feed().after(0, 1000).unwrap();
    let places =
        |changes: &[std::sync::Arc<kairos_core::change::Change>]| changes.iter().map(|c| c.seq).collect::<Vec<_>>();
    assert_eq!(places(&announced), places(&logged), "what was undone is not announced");
    house.wish(&ada, Wish::DeleteHabit { id: water }).await;
    assert_eq!(house.count(&DEVICE_BINDINGS).await, 0);
}
