//! A hub to measure: the release binary over a directory, with a person, habits and buttons.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use kairos_tests::{Button, House, Person};
use reqwest::Method;
use serde_json::json;

use crate::wire::Login;

/// A running hub.
pub(crate) struct Stage {
    pub(crate) house: House,
    pub(crate) person: Person,
}

impl Stage {
    /// Starts a hub over `dir/<name>` and sets it up.
    pub(crate) async fn open(dir: &Path, name: &str) -> Self {
        let house = House::builder()
            .data_dir(&dir.join(name))
            // The bench presses faster than any person; what it measures is not the brake.
            .env("KAIROS_MQTT_DEVICE_RATE", "100000")
            .start()
            .await;
        let person = house.set_up().await;
        Self { house, person }
    }

    /// Buttons, each with a habit of its own.
    pub(crate) async fn buttons(&self, count: usize) -> Vec<Button> {
        let mut buttons = Vec::with_capacity(count);
        for n in 0..count {
            let habit = self.person.habit(&format!("Habit {n}")).await;
            buttons.push(self.person.button(&format!("Button {n}"), &habit, "complete").await);
        }
        buttons
    }

    /// A board whose buttons 0 to `count` each count up a habit of their own.
    pub(crate) async fn board(&self, count: usize) -> Button {
        let mut bindings = Vec::with_capacity(count);
        let mut first = None;
        for n in 0..count {
            let habit = self.person.counted_habit(&format!("Glasses {n}"), 10_000.0).await;
            bindings.push(json!({ "trigger": "press", "button": n.to_string(), "action": "add", "habit_id": habit }));
            first.get_or_insert(habit);
        }
        let board = self.person.button("Board", &first.unwrap(), "add").await;
        let path = format!("/api/devices/{}/bindings", board.device_id);
        let (status, answer) = self.person.ask(Method::PUT, &path, Some(json!({ "bindings": bindings }))).await;
        assert!(status.is_success(), "PUT {path}: {status} {answer}");
        board
    }

    pub(crate) async fn close(mut self) {
        self.house.stop().await;
    }
}

pub(crate) fn login(button: &Button) -> Login {
    Login { client_id: button.device_id.clone(), username: button.device_id.clone(), password: button.password.clone() }
}

pub(crate) fn topic(button: &Button) -> String {
    format!("kairos/device/{}/event", button.device_id)
}

/// Numbers presses, so that each is another one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presses(Rc<Cell<u64>>);

impl Presses {
    pub(crate) fn next(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

/// A press of another day each time: a day is folded from its events, and no day has hundreds.
pub(crate) fn press(n: u64) -> String {
    const DAY: u64 = 24 * 3_600_000;
    let age = (n % 300 + 1) * DAY;
    format!(r#"{{"event_type":"press","button":"1","press_id":"bench:{n}","age_ms":{age}}}"#)
}

/// A press of today.
pub(crate) fn press_today(n: u64, button: u64) -> String {
    format!(r#"{{"event_type":"press","button":"{button}","press_id":"bench:{n}","age_ms":0}}"#)
}
