//! The folder: what is kept, listed, and made by the clock.

use super::*;

#[tokio::test]
async fn retention_takes_the_oldest_of_our_own_and_never_the_last_good_one() {
    let home = Home::new().await;
    let backups = home.backups(None, 3);
    let folder = home.path("backups");
    let mut made = Vec::new();
    for n in 0..3 {
        home.clock.set(NOON + n * HOUR);
        made.push(backups.make().await.unwrap().name);
    }
    // Others' files: by another hub under our names, by nobody, and a stray note.
    let other = Home::new().await;
    let foreign = other.backup("foreign").await;
    let strange = ["kairos-2020-01-01T000000Z.sqlite", "kairos-2020-01-02T000000Z.sqlite", "notes.txt"];
    std::fs::copy(&foreign, folder.join(strange[0])).unwrap();
    std::fs::write(folder.join(strange[1]), "mine").unwrap();
    std::fs::write(folder.join(strange[2]), "mine").unwrap();
    home.clock.set(NOON + 3 * HOUR);
    made.push(backups.make().await.unwrap().name);
    let mut expected: Vec<String> = strange[..2].iter().map(|name| (*name).to_owned()).collect();
    expected.extend(made[1..].iter().cloned());
    expected.push(strange[2].into());
    assert_eq!(names(&folder), expected);

    // The clock was in the future; now it is right again, and the newest backup looks like the oldest.
    home.clock.set(NOON - 1000 * HOUR);
    let fresh = backups.make().await.unwrap().name;
    let left = names(&folder);
    assert!(left.contains(&fresh) && !left.contains(&made[1]), "{left:?}");

    // Two within a second are two files; one is kept when only one may be.
    let only = home.backups(None, 1);
    let (a, b) = (only.make().await.unwrap(), only.make().await.unwrap());
    assert_ne!(a.name, b.name);
    assert_eq!(
        only.list().await.unwrap().into_iter().filter(|item| item.verified == Some(true)).collect::<Vec<_>>(),
        [b]
    );
}

/// Waits for what another task does.
async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..4000 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain");
}

#[tokio::test]
async fn what_is_listed_is_looked_at() {
    let home = Home::new().await;
    home.habit("first").await;
    let (good, bad) = (home.backups(None, 5).make().await.unwrap(), home.backups(None, 5).make().await.unwrap());
    let path = home.path("backups").join(&bad.name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    std::os::unix::fs::symlink(&path, home.path("backups/kairos-2026-01-01T000000Z.sqlite")).unwrap();
    // As after a restart: nothing is known yet.
    let backups = home.backups(None, 5);
    let _running = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(backups.clone().run()));
    let first = backups.list().await.unwrap();
    assert_eq!(first.iter().map(|item| &item.name).collect::<Vec<_>>(), [&bad.name, &good.name]);
    let found = until(async || {
        let found: Vec<_> = backups.list().await.unwrap().into_iter().map(|item| item.verified).collect();
        (!found.contains(&None)).then_some(found)
    })
    .await;
    assert_eq!(found, [Some(false), Some(true)]);
    assert!(backups.file(&good.name).await.is_some());
    for trick in ["", "..", "../hub.db", "kairos-2026-01-01T000000Z.sqlite", "kairos-2025-01-01T000000Z.sqlite"] {
        assert!(backups.file(trick).await.is_none(), "{trick}");
    }
}

#[tokio::test]
async fn backups_come_by_the_hubs_clock_and_one_that_does_not_work_is_said_and_tried_again() {
    let home = Home::new().await;
    home.habit("first").await;
    let folder = home.path("backups");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(".kairos-2026-11-24T090000Z.sqlite.part"), "half").unwrap();
    std::fs::write(folder.join(".other.part"), "not ours").unwrap();
    let backups = home.backups(Some(Duration::from_secs(24 * 3600)), 14);
    let _running = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(backups.clone().run()));
    until(async || (home.board.get("backup") == Some(State::Ok)).then_some(())).await;
    assert_eq!(names(&folder), [".other.part"]);

    let count = async |n: usize| until(async || (backups.list().await.ok()?.len() == n).then_some(())).await;
    home.clock.set(NOON + HOUR / 6);
    count(1).await;
    home.clock.set(NOON + 25 * HOUR);
    count(2).await;

    // Somebody's file stands where the folder was.
    std::fs::rename(&folder, home.path("moved")).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    home.clock.set(NOON + 50 * HOUR);
    let reason = until(async || match home.board.get("backup") {
        Some(State::Degraded(reason)) => Some(reason),
        _ => None,
    })
    .await;
    assert!(reason.contains("could not be made") && reason.contains("backups"), "{reason}");
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(home.path("moved"), &folder).unwrap();
    home.clock.set(NOON + 50 * HOUR + HOUR / 6);
    count(3).await;
    until(async || (home.board.get("backup") == Some(State::Ok)).then_some(())).await;
}

#[tokio::test]
async fn a_hub_that_makes_none_by_itself_says_so() {
    let home = Home::new().await;
    let backups = home.backups(None, 1);
    let _running = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(backups.run()));
    until(async || matches!(home.board.get("backup"), Some(State::Off(_))).then_some(())).await;
}
