//! The handle to one simulated device: what a test, or a finger, can do to it. The device itself is the firmware's task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use crate::ledger::ButtonLedger;
use crate::wire::{AckResult, HabitView, Light, PressId};

/// Commands that may wait for the firmware. When full, the handle waits.
const COMMANDS: usize = 16;

/// What a device was given when it was added to the hub.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// Its id, which is also in its topics.
    pub device_id: String,
    /// The MQTT user name.
    pub username: String,
    /// The MQTT password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Credentials").field("device_id", &self.device_id).finish_non_exhaustive()
    }
}

/// What all devices of a fleet have in common.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Presses the flash holds.
    pub queue_capacity: usize,
    /// Whether the queue survives a restart.
    pub flash: bool,
    /// Presses under way at once.
    pub window: usize,
    /// How long a press waits for its answer before it is sent again.
    pub ack_timeout: Duration,
    /// How long [`Button::press`] waits in all.
    pub press_timeout: Duration,
    /// The shortest wait before connecting again.
    pub backoff_min: Duration,
    /// The longest.
    pub backoff_max: Duration,
    /// MQTT keep-alive.
    pub keep_alive: Duration,
    /// How long an attempt to connect may take.
    pub connect_timeout: Duration,
    /// Probability that a press is sent twice at once.
    pub duplicates: f64,
    /// Presses each button keeps in its ledger before it forgets the oldest settled ones.
    pub ledger_limit: usize,
    /// How many buttons a device has.
    pub buttons: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue_capacity: 64,
            flash: true,
            window: 8,
            ack_timeout: Duration::from_secs(5),
            press_timeout: Duration::from_secs(30),
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            duplicates: 0.0,
            ledger_limit: 100_000,
            buttons: 1,
        }
    }
}

/// The hub's answer to a press.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Acked {
    /// The press.
    pub press_id: PressId,
    /// What became of it.
    pub result: AckResult,
    /// What the light shows now.
    pub light: Light,
    /// The habit it belongs to.
    pub habit: Option<HabitView>,
}

/// Why a press has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PressError {
    /// The flash holds no more; the press was not taken.
    #[error("the queue is full with {0} presses; this one was not taken")]
    QueueFull(usize),
    /// No answer in time. The press stays queued and may still be answered.
    #[error("no answer to press {0} in time; it stays queued")]
    NotAnswered(PressId),
    /// A device without flash restarted before the answer.
    #[error("press {0} was lost in a restart without flash")]
    Lost(PressId),
    /// The fleet has ended.
    #[error("the button has been switched off")]
    SwitchedOff,
}

/// What a device is doing, for tests to wait on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Connected and subscribed.
    pub online: bool,
    /// Presses without an answer.
    pub queued: usize,
    /// Restarts so far.
    pub reboots: u64,
    /// What each light shows.
    pub lights: BTreeMap<String, Light>,
    /// What was wrong last: why a connection ended, or why a message was put aside.
    pub last_error: Option<String>,
}

pub(crate) struct Shared {
    pub(crate) ledger: Mutex<ButtonLedger>,
    pub(crate) status: watch::Sender<Status>,
}

impl Shared {
    /// A std mutex: held for a few map operations, never over an await.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, ButtonLedger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) type Waiter = oneshot::Sender<Acked>;

/// What a handle asks of the firmware.
pub(crate) enum Command {
    Press {
        button: String,
        event_type: String,
        waiter: Option<Waiter>,
        reply: oneshot::Sender<Result<PressId, PressError>>,
    },
    GoOffline(oneshot::Sender<()>),
    GoSilent(oneshot::Sender<()>),
    ComeBack(oneshot::Sender<()>),
    Reboot(oneshot::Sender<()>),
    SwitchOff(oneshot::Sender<()>),
}

/// A handle to one simulated device. When every handle is gone, the firmware ends.
#[derive(Clone)]
pub struct Button {
    device_id: Arc<str>,
    press_timeout: Duration,
    commands: mpsc::Sender<Command>,
    pub(crate) shared: Arc<Shared>,
}

impl Button {
    /// A handle, with what the firmware behind it is given.
    pub(crate) fn new(credentials: &Credentials, settings: &Settings) -> (Self, mpsc::Receiver<Command>) {
        let device_id: Arc<str> = credentials.device_id.as_str().into();
        let shared = Arc::new(Shared {
            ledger: Mutex::new(ButtonLedger::new(Arc::clone(&device_id), settings.ledger_limit)),
            status: watch::Sender::new(Status::default()),
        });
        let (commands, inbox) = mpsc::channel(COMMANDS);
        (Self { device_id, press_timeout: settings.press_timeout, commands, shared }, inbox)
    }

    /// The device's id.
    #[must_use]
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// Presses a button and waits for the hub's answer.
    pub async fn press(&self, button: &str) -> Result<Acked, PressError> {
        self.gesture(button, "press").await
    }

    /// Presses a button in some way (`press`, `double`, `long`, …) and waits for the hub's answer.
    pub async fn gesture(&self, button: &str, event_type: &str) -> Result<Acked, PressError> {
        let (waiter, answer) = oneshot::channel();
        let press_id = self.enqueue(button, event_type, Some(waiter)).await?;
        match tokio::time::timeout(self.press_timeout, answer).await {
            Ok(Ok(acked)) => Ok(acked),
            Ok(Err(_)) if self.commands.is_closed() => Err(PressError::SwitchedOff),
            Ok(Err(_)) => Err(PressError::Lost(press_id)),
            Err(_) => Err(PressError::NotAnswered(press_id)),
        }
    }

    /// Presses a button without waiting for the answer.
    pub async fn push(&self, button: &str) -> Result<PressId, PressError> {
        self.enqueue(button, "press", None).await
    }

    async fn enqueue(&self, button: &str, event_type: &str, waiter: Option<Waiter>) -> Result<PressId, PressError> {
        let (button, event_type) = (button.to_owned(), event_type.to_owned());
        let (reply, taken) = oneshot::channel();
        let command = Command::Press { button, event_type, waiter, reply };
        self.commands.send(command).await.map_err(|_| PressError::SwitchedOff)?;
        taken.await.map_err(|_| PressError::SwitchedOff)?
    }

    /// Drops the connection without a DISCONNECT and stays out of reach.
    pub async fn go_offline(&self) {
        self.tell(Command::GoOffline).await;
    }

    /// Keeps the connection open and says nothing more, as when the radio fades: the hub has to find out by itself.
    pub async fn go_silent(&self) {
        self.tell(Command::GoSilent).await;
    }

    /// Is in reach again and begins to connect.
    pub async fn come_back(&self) {
        self.tell(Command::ComeBack).await;
    }

    /// Restarts: a new boot id, uptime from zero, the queue kept when there is flash.
    pub async fn reboot(&self) {
        self.tell(Command::Reboot).await;
    }

    /// Says `offline`, disconnects and ends.
    pub(crate) async fn switch_off(&self) {
        self.tell(Command::SwitchOff).await;
    }

    async fn tell(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) {
        let (reply, done) = oneshot::channel();
        if self.commands.send(command(reply)).await.is_ok() {
            let _ = done.await;
        }
    }

    /// What the device is doing now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status.borrow().clone()
    }

    /// Waits until the status is as wanted. False when it was not within `patience` or the button has ended.
    pub async fn wait_until(&self, patience: Duration, wanted: impl FnMut(&Status) -> bool) -> bool {
        let mut status = self.shared.status.subscribe();
        matches!(tokio::time::timeout(patience, status.wait_for(wanted)).await, Ok(Ok(_)))
    }

    /// Waits until it is connected and subscribed.
    pub async fn online(&self, patience: Duration) -> bool {
        self.wait_until(patience, |status| status.online).await
    }

    /// Waits until every press has its answer.
    pub async fn drained(&self, patience: Duration) -> bool {
        self.wait_until(patience, |status| status.queued == 0).await
    }
}
