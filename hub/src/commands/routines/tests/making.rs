//! Routines as they are made, arranged and looked at; runs are told beside.

use super::*;

#[tokio::test]
async fn order_is_told_by_keys_and_only_what_moves_is_written() {
    let scene = Scene::of(5).await;
    let before = scene.keys().await;
    assert_eq!(scene.arrange(&[0, 1, 2, 3, 4]).await.outcome, Outcome::Unchanged);
    scene.arrange(&[4, 0, 1, 2]).await;
    let after = scene.keys().await;
    let order: Vec<i64> = [4, 0, 1, 2].iter().map(|n| after[scene.habits[*n].as_str()].1).collect();
    assert_eq!(order, [0, 1, 2, 3]);
    assert_eq!(after.len(), 4);
    for n in [0, 1, 2] {
        assert_eq!(before[scene.habits[n].as_str()].0, after[scene.habits[n].as_str()].0, "its place is the same");
    }
    // One that left comes back as the same row.
    scene.arrange(&[0, 3]).await;
    scene.arrange(&[3, 0]).await;
    assert_eq!(scene.keys().await.len(), 2);
}

#[tokio::test]
async fn a_person_has_a_hundred_routines() {
    let scene = Scene::of(2).await;
    let add = |n: usize| Wish::Add {
        id: RoutineId::new(format!("r{n}")).unwrap(),
        fields: fields(&[("name", format!("Routine {n}").into())]),
    };
    for n in 1..MAX_ROUTINES {
        assert_eq!(scene.wish(add(n)).await.outcome, Outcome::Applied);
    }
    assert_eq!(code(&scene.wish(add(MAX_ROUTINES)).await), RejectionCode::Conflict);
    scene.wish(Wish::Delete { id: RoutineId::new("r1").unwrap() }).await;
    assert_eq!(scene.wish(add(MAX_ROUTINES)).await.outcome, Outcome::Applied);
}

#[tokio::test]
async fn another_persons_routine_is_not_there_and_things_may_not_change_it() {
    let scene = Scene::of(2).await;
    let run = scene.start().await;
    let routine = || scene.routine.clone();
    let variant = || VariantId::new("v").unwrap();
    let named = || fields(&[("name", "Mine".into())]);
    let editing = || {
        vec![
            Wish::Edit { id: routine(), fields: named() },
            Wish::Delete { id: routine() },
            Wish::Arrange { id: routine(), steps: vec![] },
            Wish::AddVariant { id: variant(), routine: routine(), fields: named() },
            Wish::EditVariant { id: variant(), routine: routine(), fields: named() },
            Wish::DeleteVariant { id: variant(), routine: routine() },
        ]
    };
    let running = || {
        let mut wishes = vec![
            Wish::Start { routine: routine(), variant: None, when: When::Arrival },
            Wish::Next { routine: routine(), when: When::Arrival },
        ];
        for what in [done(), Move::Pause, Move::Resume, Move::Finish, Move::Abandon] {
            wishes.push(Wish::Move { run: run.clone(), what, when: When::Arrival });
        }
        wishes
    };
    let head = scene.house.store.feed().head();
    for by in [person("bo"), button("bo", "d")] {
        for wish in editing().into_iter().chain(running()) {
            let receipt = scene.house.wish(&by, Any::Routine(wish.clone())).await;
            assert_eq!(code(&receipt), RejectionCode::NotFound, "{wish:?}");
        }
    }
    for wish in editing() {
        let receipt = scene.house.wish(&button("ada", "d"), Any::Routine(wish)).await;
        assert_eq!(code(&receipt), RejectionCode::Forbidden, "a button changes nothing");
    }
    let mirror =
        Principal { via: Via::Display { id: DeviceId::new("m").unwrap(), may_act: true }, ..scene.ada.clone() };
    for wish in running() {
        assert_eq!(code(&scene.house.wish(&mirror, Any::Routine(wish)).await), RejectionCode::Forbidden);
    }
    assert_eq!(scene.house.store.feed().head(), head, "nothing was changed");
}
