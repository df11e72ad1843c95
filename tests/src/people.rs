//! A person's way in: REST, and the buttons they add.

use kairos_simulator::Credentials;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::house::House;
use crate::screen::Screen;

/// A person who is signed in.
#[derive(Clone)]
pub struct Person {
    base: String,
    pub token: String,
    pub user_id: String,
    http: reqwest::Client,
}

/// A button that was added.
#[derive(Debug, Clone)]
pub struct Button {
    pub device_id: String,
    pub password: String,
    pub habit_id: String,
}

impl Button {
    /// What the simulator needs to be this button.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials {
            device_id: self.device_id.clone(),
            username: self.device_id.clone(),
            password: self.password.clone(),
        }
    }
}

impl Person {
    pub(crate) fn new(house: &House, token: &Value) -> Self {
        let text = |name: &str| token[name].as_str().unwrap_or_else(|| panic!("no {name} in {token}")).to_owned();
        Self { base: house.url(""), token: text("access_token"), user_id: text("user_id"), http: house.http.clone() }
    }

    /// The same person at the same hub after it was started again on other ports.
    #[must_use]
    pub fn at(&self, house: &House) -> Self {
        Self { base: house.url(""), ..self.clone() }
    }

    /// A request in this person's name.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    /// Asks; any status.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or(Value::Null))
    }

    /// Asks and expects success.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, None).await;
        assert!(status.is_success(), "GET {path}: {status} {body}");
        body
    }

    /// Sends and expects success.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "POST {path}: {status} {answer}");
        answer
    }

    /// Makes a yes-or-no habit; gives its id.
    pub async fn habit(&self, name: &str) -> String {
        self.post("/api/habits", json!({ "name": name })).await["id"].as_str().unwrap().to_owned()
    }

    /// Makes a counted habit; gives its id.
    pub async fn counted_habit(&self, name: &str, target: f64) -> String {
        let body = json!({ "name": name, "kind": "measurable", "target_value": target });
        self.post("/api/habits", body).await["id"].as_str().unwrap().to_owned()
    }

    /// Adds a button whose press does `action` for a habit.
    pub async fn button(&self, name: &str, habit_id: &str, action: &str) -> Button {
        let Button { device_id, password, .. } = self.bare_button(name).await;
        let binding = json!({ "trigger": "press", "button": "1", "action": action, "habit_id": habit_id });
        let path = format!("/api/devices/{device_id}/bindings");
        let (status, answer) = self.ask(Method::PUT, &path, Some(json!({ "bindings": [binding] }))).await;
        assert!(status.is_success(), "PUT {path}: {status} {answer}");
        Button { device_id, password, habit_id: habit_id.to_owned() }
    }

    /// Adds a button that does nothing yet.
    pub async fn bare_button(&self, name: &str) -> Button {
        let device = self.post("/api/devices", json!({ "name": name, "kind": "button" })).await;
        let word = |name: &str| device[name].as_str().unwrap().to_owned();
        Button { device_id: word("device_id"), password: word("password"), habit_id: String::new() }
    }

    /// Today's item of a habit.
    pub async fn item(&self, habit_id: &str) -> Value {
        let today = self.get("/api/today").await;
        let items = today["items"].as_array().unwrap();
        items.iter().find(|item| item["habit_id"] == habit_id).cloned().unwrap_or(Value::Null)
    }

    /// Opens a websocket and signs in.
    pub async fn screen(&self) -> Screen {
        Screen::open(&self.base, &self.token).await
    }
}
