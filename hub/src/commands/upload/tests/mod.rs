#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]
mod bounds;
mod days;
mod large;
mod merging;
mod parts;
mod queue;
mod unseen;
mod words;

use kairos_core::command::{Outcome as Became, Settlement, Wish};
use kairos_core::ids::{CellId, HabitId};
use kairos_core::row::Row;
use kairos_core::schema::{
    COMPLETION_EVENTS, COMPLETIONS, CONFLICTS, HABIT_SCHEDULES, HABITS, ID_ALIASES, PAUSES, ROUTINE_EXECUTIONS,
    ROUTINE_HABITS, ROUTINES, Table, USER_PREFERENCES,
};
use serde_json::{Value as Json, json};

use super::super::tests::{House, NOON, deed, person, scope};
use super::*;

const TODAY: &str = "2026-11-24";

/// A phone's queue.
struct Phone {
    client: Option<&'static str>,
    next: std::cell::Cell<u64>,
}

impl Phone {
    fn new(client: &'static str) -> Self {
        Self { client: Some(client), next: 1.into() }
    }

    /// A client that numbers nothing.
    fn plain() -> Self {
        Self { client: None, next: 1.into() }
    }

    fn envelope(&self, mut batch: Vec<Json>) -> Json {
        for operation in batch.iter_mut().filter(|_| self.client.is_some()) {
            operation["op_id"] = self.next.get().into();
            self.next.set(self.next.get() + 1);
        }
        json!({ "client_id": self.client, "batch": batch })
    }

    async fn send(&self, house: &House, who: &str, batch: Vec<Json>) -> Vec<Outcome> {
        send(house, who, self.envelope(batch)).await
    }
}

async fn send(house: &House, who: &str, envelope: Json) -> Vec<Outcome> {
    send_text(house, who, &envelope.to_string()).await
}

async fn send_text(house: &House, who: &str, body: &str) -> Vec<Outcome> {
    let envelope = Arc::new(Envelope::parse(&serde_json::from_str(body).unwrap()).unwrap());
    house.door.upload(person(who), who, envelope, ()).await.unwrap()
}

fn fates(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome.result.as_str()).collect()
}

fn put(table: &str, id: &str, data: Json) -> Json {
    json!({ "op": "PUT", "table": table, "id": id, "data": data })
}

fn patch(table: &str, id: &str, data: Json, previous: Json) -> Json {
    json!({ "op": "PATCH", "table": table, "id": id, "data": data, "previous": previous })
}

fn delete(table: &str, id: &str) -> Json {
    json!({ "op": "DELETE", "table": table, "id": id })
}

fn water(id: &str) -> Json {
    put("habits", id, json!({ "name": "Water", "anchor_behavior": "x", "kind": "measurable", "target_value": 8 }))
}

fn tea(id: &str) -> Json {
    put("habits", id, json!({ "name": "Tea", "anchor_behavior": "x" }))
}

fn day(id: &str, habit: &str, data: Json) -> Json {
    let mut whole = json!({ "habit_id": habit, "date": TODAY });
    whole.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    put("completions", id, whole)
}

fn cell(habit: &str) -> String {
    CellId::of(&HabitId::new(habit).unwrap(), TODAY.parse().unwrap(), "").to_string()
}

impl House {
    async fn rows(&self, table: &'static Table, who: &str) -> Vec<Row> {
        let scopes = [scope(who)];
        self.store.read(move |snapshot| snapshot.rows_in(table, &scopes, "", 10_000)).await.unwrap()
    }

    async fn row(&self, table: &'static Table, id: &str) -> Row {
        let id = id.to_owned();
        self.store.read(move |snapshot| snapshot.row(table, &id)).await.unwrap().unwrap()
    }

    async fn open_conflicts(&self, who: &str) -> Vec<Row> {
        let scopes = [scope(who)];
        self.store.read(move |snapshot| snapshot.conflicts(&scopes, true, None, 1000)).await.unwrap()
    }
}
