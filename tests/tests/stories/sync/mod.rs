//! Phones that sync: PowerSync's own SDK, unmodified, against the hub; on Node, and in a browser (`web`).

mod basics;
mod converge;
mod cuts;
mod strangers;
mod web;

use kairos_tests::sdk::{Client, Sdk};
use kairos_tests::{Database, House, Person, Relay};
use serde_json::{Value, json};

const TEA: &str = "INSERT INTO habits (id, name, anchor_behavior) VALUES (?, ?, 'after coffee')";

/// A house with one person, the SDK, and a fixed address in front of the hub.
struct Home {
    house: House,
    ada: Person,
    relay: Relay,
    sdk: Sdk,
}

impl Home {
    async fn new() -> Self {
        Self::with(House::builder()).await
    }

    async fn with(builder: kairos_tests::Builder) -> Self {
        Self::around(builder, Sdk::start().await).await
    }

    async fn around(builder: kairos_tests::Builder, sdk: Sdk) -> Self {
        let house = builder.start().await;
        let ada = house.set_up().await;
        let relay = Relay::start(house.ports.http).await;
        Self { ada, relay, sdk, house }
    }

    /// A phone of Ada's, connected.
    async fn phone(&self, name: &str) -> Client<'_> {
        let phone = self.offline(name).await;
        phone.connect().await;
        phone
    }

    /// A phone of Ada's that is not connected yet.
    async fn offline(&self, name: &str) -> Client<'_> {
        self.sdk.client(name, &self.relay.url(), &self.ada.token).await
    }

    /// Starts the hub again, which then has other ports.
    async fn boot(&mut self) {
        self.house.boot().await;
        self.relay.point_to(self.house.ports.http);
        self.ada = self.ada.at(&self.house);
    }

    async fn conflicts(&self) -> Vec<Value> {
        self.ada.get("/api/conflicts").await["items"].as_array().cloned().unwrap()
    }

    /// The living rows of a table as the hub has them, by id.
    fn rows(&self, table: &str) -> Vec<Value> {
        Database::open(&self.house.database()).rows(table)
    }
}

/// Whether a client has the same rows as the hub, as far as its columns go.
async fn same_rows(home: &Home, client: &Client<'_>, table: &str, columns: &[&str]) {
    let pick = |rows: Vec<Value>| -> Vec<Value> {
        let mut picked: Vec<Value> = rows
            .iter()
            .map(|row| columns.iter().map(|column| plain(&row[*column])).collect::<Vec<_>>().into())
            .collect();
        picked.sort_by_key(ToString::to_string);
        picked
    };
    let theirs = pick(client.read(&format!("SELECT {} FROM {table}", columns.join(", "))).await);
    assert_eq!(theirs, pick(home.rows(table)), "{table}");
}

/// A value as SQL sees it: 3 and 3.0 are one number.
fn plain(value: &Value) -> Value {
    value.as_f64().map_or_else(|| value.clone(), Value::from)
}

fn args(values: &[&str]) -> Value {
    json!(values)
}
