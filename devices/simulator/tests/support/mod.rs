//! A real Mosquitto that a test may kill, and a small hub behind it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kairos_simulator::wire::Event;
use kairos_simulator::{Credentials, FleetConfig};
use rumqttc::{AsyncClient, EventLoop, MqttOptions, Packet, Publish, QoS};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// No wait in these tests is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One Mosquitto, on a port of its own, that knows the users `device-<n>` and `hub`. Killed when dropped.
pub(crate) struct Mosquitto {
    folder: TempDir,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Mosquitto {
    pub(crate) async fn start(devices: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let passwords = folder.path().join("passwords");
        let mut text = String::from("hub:hub\n");
        for n in 0..devices {
            text += &format!("device-{n}:secret-{n}\n");
        }
        std::fs::write(&passwords, text).unwrap();
        hash_passwords(&passwords).await;
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\npersistence false\nuser root\n",
            passwords.display()
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        let mut broker = Self { folder, port, child: None };
        broker.rise().await;
        broker
    }

    /// Starts the broker (again), on the same port, and waits until it serves.
    pub(crate) async fn rise(&mut self) {
        let mut child = mosquitto("mosquitto")
            .arg("-v")
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}", absent(&error)));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let running = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("running") {
                    return;
                }
            }
            panic!("mosquitto ended before it served");
        };
        tokio::time::timeout(PATIENCE, running).await.unwrap();
        // Keeps reading, so that the broker never waits for a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        self.child = Some(child);
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }
}

fn mosquitto(program: &str) -> Command {
    let mut command = Command::new(program);
    // Debian installs daemons where an ordinary user's PATH does not look.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"));
    command
}

fn absent(error: &std::io::Error) -> String {
    format!("These tests need a real Mosquitto ({error}). Install it with: apt-get install -y mosquitto")
}

async fn hash_passwords(file: &Path) {
    let status = mosquitto("mosquitto_passwd").arg("-U").arg(file).status().await;
    assert!(status.unwrap_or_else(|error| panic!("{}", absent(&error))).success());
}

/// A fleet of the broker's devices that is quick to try again.
pub(crate) fn fleet_config(broker: &Mosquitto, devices: usize) -> FleetConfig {
    let devices = (0..devices).map(|n| Credentials {
        device_id: format!("device-{n}"),
        username: format!("device-{n}"),
        password: format!("secret-{n}"),
    });
    let mut config = FleetConfig::new("127.0.0.1", broker.port, devices.collect());
    config.settings.ack_timeout = Duration::from_millis(500);
    config.settings.backoff_min = Duration::from_millis(20);
    config.settings.backoff_max = Duration::from_millis(200);
    config.settings.press_timeout = PATIENCE;
    config
}

/// What a hub would have in its database: every press id, and how often it came.
#[derive(Clone, Default)]
pub(crate) struct Database {
    pub(crate) presses: BTreeMap<String, Vec<Event>>,
    /// The last retained payload per `status` and `info` topic.
    pub(crate) retained: BTreeMap<String, String>,
    /// Whether the hub is connected and subscribed.
    pub(crate) listening: bool,
}

impl Database {
    /// Whether the first device last said this on one of its topics.
    pub(crate) fn is_said(&self, leaf: &str, text: &str) -> bool {
        self.retained.get(&format!("kairos/device/device-0/{leaf}")).is_some_and(|said| said == text)
    }
}

/// A hub in thirty lines: remembers press ids, answers `applied` the first time and `duplicate` afterwards.
pub(crate) struct FakeHub {
    pub(crate) database: watch::Receiver<Database>,
    mute: Arc<Mutex<u32>>,
    client: Arc<Mutex<Option<AsyncClient>>>,
    _task: AbortOnDropHandle<()>,
}

impl FakeHub {
    pub(crate) async fn start(port: u16) -> Self {
        let (writer, mut database) = watch::channel(Database::default());
        let mute = Arc::new(Mutex::new(0));
        let client = Arc::new(Mutex::new(None));
        let task = tokio::spawn(serve(port, writer, Arc::clone(&mute), Arc::clone(&client)));
        let task = AbortOnDropHandle::new(task);
        tokio::time::timeout(PATIENCE, database.wait_for(|database| database.listening)).await.unwrap().unwrap();
        Self { database, mute, client, _task: task }
    }

    /// Saves the next presses without answering them, as after a crash between commit and answer.
    pub(crate) fn leave_unanswered(&self, presses: u32) {
        *self.mute.lock().unwrap() = presses;
    }

    /// Sends something to a device.
    pub(crate) async fn publish(&self, topic: &str, retain: bool, payload: impl ToString) {
        let client = self.client.lock().unwrap().clone().unwrap();
        client.publish(topic, QoS::AtLeastOnce, retain, payload.to_string()).await.unwrap();
    }

    /// Waits until the database is as wanted.
    pub(crate) async fn sees(&mut self, wanted: impl FnMut(&Database) -> bool) -> Database {
        let seen = tokio::time::timeout(PATIENCE, self.database.wait_for(wanted)).await;
        seen.expect("the hub did not see it in time").unwrap().clone()
    }
}

async fn serve(
    port: u16,
    writer: watch::Sender<Database>,
    mute: Arc<Mutex<u32>>,
    shared: Arc<Mutex<Option<AsyncClient>>>,
) {
    loop {
        let mut options = MqttOptions::new("hub", "127.0.0.1", port);
        options.set_credentials("hub", "hub").set_keep_alive(Duration::from_secs(5));
        let (client, mut connection) = AsyncClient::new(options, 1000);
        *shared.lock().unwrap() = Some(client.clone());
        listen(&client, &mut connection, &writer, &mute).await;
        writer.send_modify(|database| database.listening = false);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn listen(client: &AsyncClient, connection: &mut EventLoop, writer: &watch::Sender<Database>, mute: &Mutex<u32>) {
    while let Ok(event) = connection.poll().await {
        match event {
            rumqttc::Event::Incoming(Packet::ConnAck(_)) => {
                client.try_subscribe("kairos/device/+/+", QoS::AtLeastOnce).unwrap();
            }
            rumqttc::Event::Incoming(Packet::SubAck(_)) => {
                writer.send_modify(|database| database.listening = true);
            }
            rumqttc::Event::Incoming(Packet::Publish(message)) => {
                hear(client, writer, mute, &message);
            }
            _ => {}
        }
    }
}

fn hear(client: &AsyncClient, writer: &watch::Sender<Database>, mute: &Mutex<u32>, message: &Publish) {
    let text = String::from_utf8(message.payload.to_vec()).unwrap();
    let Some(device) = message.topic.strip_suffix("/event") else {
        writer.send_modify(|database| {
            database.retained.insert(message.topic.clone(), text);
        });
        return;
    };
    let event: Event = serde_json::from_str(&text).unwrap();
    assert!(!message.retain, "a press is never retained");
    let press_id = event.press_id.clone();
    let mut first = false;
    writer.send_modify(|database| {
        let seen = database.presses.entry(press_id.clone()).or_default();
        first = seen.is_empty();
        seen.push(event);
    });
    let mut mute = mute.lock().unwrap();
    if *mute > 0 {
        *mute -= 1;
        return;
    }
    let result = if first { "applied" } else { "duplicate" };
    let habit = json!({"name": "Water", "done": true, "value": 1, "target": 1});
    let ack = json!({"press_id": press_id, "result": result, "habit": habit, "light": "done"});
    // Dropped when the queue is full: the button asks again.
    let _ = client.try_publish(format!("{device}/ack"), QoS::AtLeastOnce, false, ack.to_string());
}
