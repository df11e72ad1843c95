//! kill -9 while a backup or a restore is under way.

use super::*;

/// kill -9 at any moment of a backup: the file is whole or not there, and the hub has lost nothing.
#[tokio::test]
async fn a_backup_that_is_killed_leaves_nothing_half() {
    let mut scene = Scene::new(House::builder(), 1).await;
    let mut saved = scene.press(400).await;
    let begun = tokio::time::Instant::now();
    scene.backup("timed.sqlite").await;
    // Aims at the moment at which the file gets its name, wherever it lies on this machine just now.
    let mut about = begun.elapsed();
    let mut rng = Rng::new(0x6261, 1);
    let (mut whole, mut absent) = (0, 0);
    for cycle in 0..scaled(30) {
        let file = scene.path(&format!("{cycle}.sqlite"));
        let command = House::builder().command(scene.house.data_dir()).args(["backup", text(&file)]).spawn();
        tokio::time::sleep(rng.between(Duration::ZERO, about * 3 / 2)).await;
        scene.house.kill().await;
        tokio::time::timeout(PATIENCE, command.unwrap().wait()).await.unwrap().unwrap();
        if file.exists() {
            let elsewhere = tempfile::tempdir().unwrap();
            assert!(prepare(elsewhere.path(), &file, &Stop::default()).is_ok(), "cycle {cycle}");
            assert_eq!(presses(&file), saved);
            whole += 1;
            about = about * 3 / 4;
        } else {
            absent += 1;
            about = about * 4 / 3;
        }
        scene.house.boot().await;
        assert_eq!(scene.held(), saved);
        // What was left is no hindrance.
        if !file.exists() {
            scene.backup(&format!("{cycle}.sqlite")).await;
        }
        saved.append(&mut scene.press(1).await);
    }
    assert!(whole > 0 && absent > 0, "{whole} whole, {absent} absent: the kills came at the wrong time");
    Database::open(&scene.house.database()).is_consistent();
    scene.house.is_well().await;
}

/// kill -9 at any moment of a restore, of the running hub or of the command over a stopped one: the next start has the
/// old state or the restored one, whole, and no acknowledged press is gone without being named and kept.
#[tokio::test]
async fn a_restore_that_is_killed_is_done_or_not() {
    let mut scene = Scene::new(House::builder(), 1).await;
    let in_backup = scene.press(50).await;
    let file = scene.backup("backup.sqlite").await;
    let data_dir = scene.house.data_dir().to_owned();
    let begun = tokio::time::Instant::now();
    done(&scene.house.cli(&["restore", "--yes", text(&file)]).await);
    let mut turn = [begun.elapsed(); 2];
    let mut known = replaced(&data_dir);
    let mut saved = in_backup.clone();
    let mut rng = Rng::new(0x7265, 2);
    let (mut old, mut new) = ([0, 0], [0, 0]);
    for cycle in 0..scaled(30) {
        saved.append(&mut scene.press(5).await);
        let events = Database::open(&scene.house.database()).event_of_press();
        let stopped = cycle % 2;
        if stopped == 1 {
            scene.house.stop().await;
        }
        let mut command = House::builder().command(&data_dir);
        command.args(["restore", "--yes", text(&file)]).stdout(std::process::Stdio::null());
        let mut command = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        // One in three anywhere, the others about where the old state becomes the new.
        let from = if cycle % 3 == 0 { Duration::ZERO } else { turn[stopped] * 3 / 4 };
        tokio::time::sleep(rng.between(from, turn[stopped] * 5 / 4)).await;
        if stopped == 1 {
            let _ = command.start_kill();
        } else {
            scene.house.kill().await;
        }
        tokio::time::timeout(PATIENCE, command.wait()).await.unwrap().unwrap();
        // Every third start is killed as well, while it may be ending what was begun.
        if cycle % 3 == 0 {
            let mut start = House::builder().command(&data_dir).stdout(std::process::Stdio::null()).spawn().unwrap();
            tokio::time::sleep(rng.between(Duration::ZERO, Duration::from_millis(15))).await;
            start.kill().await.unwrap();
        }
        scene.house.boot().await;

        let held = scene.held();
        let now = replaced(&data_dir);
        let fresh: Vec<_> = now.difference(&known).cloned().collect();
        if held == saved && fresh.is_empty() {
            old[stopped] += 1;
            turn[stopped] = turn[stopped] * 10 / 9;
        } else {
            assert_eq!(held, in_backup, "cycle {cycle}: neither the old state nor the restored one");
            let [kept] = &fresh[..] else { panic!("cycle {cycle}: kept {fresh:?}") };
            assert_eq!(presses(kept), saved, "cycle {cycle}: kept");
            let expected: BTreeSet<String> = saved.difference(&in_backup).map(|press| events[press].clone()).collect();
            let told = named(&kept.with_extension("json"));
            assert_eq!(told["completion_events"], expected, "cycle {cycle}: named");
            saved.clone_from(&in_backup);
            new[stopped] += 1;
            turn[stopped] = turn[stopped] * 9 / 10;
        }
        known = now;
        let left = std::fs::read_dir(&data_dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let left: Vec<String> = left.filter(|name| name.starts_with("restore")).collect();
        assert!(left.is_empty(), "cycle {cycle}: {left:?}");
        Database::open(&scene.house.database()).is_consistent();
    }
    let sum = |of: [u32; 2]| of[0] + of[1];
    assert!(sum(old) > 0 && sum(new) > 0, "old {old:?}, new {new:?}: the kills came at the wrong time");
    scene.sign_in().await;
    scene.house.is_well().await;
}
