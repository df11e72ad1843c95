//! The control of the kill stories: the hub's own parts, wired so that a press is acknowledged before it is saved.
//!
//! A test that kills the hub at a PUBACK and finds nothing lost proves little unless the same test finds something
//! lost here. It is a program of the tests rather than a feature or flag of the hub: no build of the hub, released
//! or not, can be talked into acknowledging early, and it costs one link instead of a second build of the hub.
//!
//! It takes the hub's `--data-dir DIR`, serves MQTT on a free port over a data directory that a real hub has set up,
//! and writes `run.json` as the hub does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kairos_hub::adapters::{self, Window};
use kairos_hub::auth::Auth;
use kairos_hub::broker::{
    BoxFuture, Broker, Gate, Grant, Login, NotSaved, Publish, Refusal, Refused, Settings, Settled,
};
use kairos_hub::clock::Clock;
use kairos_hub::commands::Commands;
use kairos_hub::days::Days;
use kairos_hub::gate::HubGate;
use kairos_hub::health::Board;
use kairos_hub::roster::Roster;
use kairos_hub::store::Store;

/// How long the disk takes here: about what a tired memory card needs for a commit.
const DISK: Duration = Duration::from_millis(20);

/// The hub's gate, except that it does not wait for the commit.
struct EarlyAck(Arc<HubGate>);

impl Gate for EarlyAck {
    fn event<'a>(&'a self, publish: Publish<'a>) -> BoxFuture<'a, Result<Settled, NotSaved>> {
        let gate = Arc::clone(&self.0);
        let (credential, topic) = (publish.credential.to_owned(), publish.topic.to_owned());
        let (payload, qos, retain) = (publish.payload.to_vec(), publish.qos, publish.retain);
        tokio::spawn(async move {
            tokio::time::sleep(DISK).await;
            let publish = Publish { credential: &credential, topic: &topic, payload: &payload, qos, retain };
            let _ = gate.event(publish).await;
        });
        Box::pin(std::future::ready(Ok(Settled::Saved)))
    }

    fn authenticate<'a>(&'a self, login: Login<'a>) -> BoxFuture<'a, Result<Grant, Refused>> {
        self.0.authenticate(login)
    }

    fn note<'a>(&'a self, publish: Publish<'a>) -> BoxFuture<'a, ()> {
        self.0.note(publish)
    }

    fn retained_set<'a>(
        &'a self,
        topic: &'a str,
        payload: Option<&'a [u8]>,
        qos: u8,
    ) -> BoxFuture<'a, Result<(), NotSaved>> {
        self.0.retained_set(topic, payload, qos)
    }

    fn connected(&self, credential: &str, online: bool) {
        self.0.connected(credential, online);
    }

    fn refused(&self, credential: Option<&str>, what: Refusal) {
        self.0.refused(credential, what);
    }
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--data-dir");
    let data_dir = PathBuf::from(args.nth(1).expect("--data-dir DIR"));
    let listener = kairos_hub::net::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let store = Store::open(&data_dir, Clock::system(), &Board::default()).await.unwrap();
    let auth = Auth::open(store.clone(), None).await.unwrap();
    let roster = Roster::new(store.clone());
    let gate = Arc::new(HubGate::new(auth, store.clone(), roster.clone(), adapters::all().remove(0)));
    let broker = Broker::start(Settings::default(), Arc::new(EarlyAck(Arc::clone(&gate))), Vec::new()).await;
    let (commands, days) = (Commands::new(store.clone()), Days::new(store.clone()));
    gate.open(Window { store, commands, roster, days, broker: broker.clone() });
    broker.serve(listener, None);
    let run = serde_json::json!({ "pid": std::process::id(), "http": 0, "https": 0, "mqtt": port, "mqtts": 0 });
    kairos_hub::files::write_private(&data_dir.join("run.json"), run.to_string().as_bytes()).unwrap();
    std::future::pending::<()>().await;
}
