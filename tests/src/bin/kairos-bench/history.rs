//! G8: what a change costs does not depend on how much has happened before; and how fast years come in.

use std::path::Path;
use std::time::{Duration, Instant};

use kairos_tests::export_of;
use reqwest::Method;
use serde_json::{Value, json};

use crate::Plan;
use crate::figures::{Bound, Goal, Samples, Spread};
use crate::stage::Stage;

/// Habits of a file and their days: a hundred thousand in all.
const HABITS: usize = 40;
const DAYS: usize = 2500;

/// Sends a file and waits until it is in.
pub(crate) async fn import(stage: &Stage, file: String) -> Duration {
    let begun = Instant::now();
    let request = stage.person.request(Method::POST, "/api/imports").body(file);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let path = format!("/api/imports/{}", answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")));
    loop {
        let job = stage.person.get(&path).await;
        match job["state"].as_str().unwrap() {
            "running" => tokio::time::sleep(Duration::from_millis(5)).await,
            "done" => return begun.elapsed(),
            _ => panic!("{job}"),
        }
    }
}

async fn complete(stage: &Stage, habit: &str, samples: &mut Samples) {
    let begun = Instant::now();
    stage.person.post(&format!("/api/habits/{habit}/complete"), json!({})).await;
    samples.push(begun.elapsed());
}

/// Runs the goal.
pub(crate) async fn run(plan: &Plan, dir: &Path, files: usize) -> Goal {
    let mut goal = Goal::new("G8", "A hub with years in it");
    let small = Stage::open(dir, "history-small").await;
    import(&small, export_of("few", 1, 1000)).await;
    let large = Stage::open(dir, "history-large").await;
    let mut imports = Vec::new();
    for n in 0..files {
        imports.push(import(&large, export_of(&format!("many{n}"), HABITS, DAYS)).await.as_secs_f64());
    }
    // The engine looks at what came in; what is measured is a hub at rest.
    tokio::time::sleep(plan.settle * 4).await;
    let events = files * HABITS * DAYS;
    let (few, many) = ("few-0", format!("many{}-7", files - 1));
    let (mut ratios, mut fews, mut manys) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=plan.rounds {
        let (mut with_few, mut with_many) = (Samples::default(), Samples::default());
        for _ in 0..plan.turns * 4 {
            complete(&small, few, &mut with_few).await;
            complete(&large, &many, &mut with_many).await;
        }
        // The first warms up.
        if round > 0 {
            ratios.push(with_many.p50() / with_few.p50());
            fews.push(with_few.p50());
            manys.push(with_many.p50());
        }
    }
    goal.judge(
        format!("REST complete, p50: with {events} events ÷ with 1000"),
        "×",
        Spread::of(ratios),
        Bound::AtMost(1.2),
    );
    goal.tell("  with 1000 events", "µs", Spread::of(fews));
    goal.tell(format!("  with {events} events"), "µs", Spread::of(manys));
    today(plan, &large, &mut goal).await;
    goal.tell(format!("import of {} days", HABITS * DAYS), "s", Spread::of(imports));
    small.close().await;
    large.close().await;
    goal
}

/// `/api/today` of a hundred habits: as it stands, and right after each change.
async fn today(plan: &Plan, large: &Stage, goal: &mut Goal) {
    let (status, account) = large
        .person
        .ask(
            Method::POST,
            "/api/users",
            Some(json!({ "email": "bo@example.org", "password": "correct horse battery", "display_name": "Bo" })),
        )
        .await;
    assert!(status.is_success(), "{account}");
    let bo = large.house.sign_in("bo@example.org", "correct horse battery").await;
    let mut habits = Vec::new();
    for n in 0..100 {
        let quota = json!({ "name": format!("Habit {n}"), "freq_num": if n % 4 == 0 { 3 } else { 7 }, "freq_den": 7 });
        habits.push(bo.post("/api/habits", quota).await["id"].as_str().unwrap().to_owned());
    }
    let (mut still, mut changed) = (Samples::default(), Samples::default());
    for n in 0..plan.turns * plan.rounds {
        bo.post(&format!("/api/habits/{}/complete", habits[n % habits.len()]), json!({})).await;
        for samples in [&mut changed, &mut still] {
            let begun = Instant::now();
            bo.get("/api/today").await;
            samples.push(begun.elapsed());
        }
    }
    for (name, samples) in [("as it stands", still), ("after a change", changed)] {
        goal.tell(format!("/api/today of 100 habits, {name}, p50"), "µs", Spread::of([samples.p50()]));
        goal.tell(format!("/api/today of 100 habits, {name}, p99"), "µs", Spread::of([samples.percentile(99)]));
    }
}
