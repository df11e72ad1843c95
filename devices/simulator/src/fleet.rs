//! Many buttons, started and stopped together.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::button::{Button, Credentials, Settings};
use crate::firmware::Firmware;
use crate::ledger::Ledger;
use crate::link::LinkOptions;
use crate::schedule::{Action, Plan, steps};

/// The most devices one fleet holds: each has a socket and a task.
pub const MAX_DEVICES: usize = 10_000;

/// A fleet to start.
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// Host of the MQTT listener.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// One set of credentials per device.
    pub devices: Vec<Credentials>,
    /// Where schedules and duplicates are drawn from. Boot ids are not: they never repeat.
    pub seed: u64,
    /// What happens to each device while the fleet [plays](Fleet::play).
    pub plan: Plan,
    /// What the devices are like.
    pub settings: Settings,
}

impl FleetConfig {
    /// Devices as they come from the shop, with nobody pressing them.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, devices: Vec<Credentials>) -> Self {
        Self { host: host.into(), port, devices, seed: 1, plan: Plan::default(), settings: Settings::default() }
    }
}

/// Running buttons. Dropping the fleet drops every connection without a word, as a power cut does; [`stop`](Self::stop)
/// takes leave.
pub struct Fleet {
    seed: u64,
    plan: Plan,
    buttons: Vec<Button>,
    /// Aborted when dropped.
    tasks: JoinSet<()>,
}

impl Fleet {
    /// Switches every device on; they connect by themselves. Devices beyond [`MAX_DEVICES`] stay off.
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn start(config: &FleetConfig) -> Self {
        let settings = Arc::new(Settings { buttons: config.plan.buttons, ..config.settings.clone() });
        let mut tasks = JoinSet::new();
        let mut buttons = Vec::with_capacity(config.devices.len().min(MAX_DEVICES));
        for (credentials, index) in config.devices.iter().take(MAX_DEVICES).zip(0..) {
            let (button, inbox) = Button::new(credentials, &settings);
            let link_options = LinkOptions {
                host: config.host.clone(),
                port: config.port,
                client_id: format!("kairos-{}", credentials.device_id),
                username: credentials.username.clone(),
                password: credentials.password.clone(),
                keep_alive: settings.keep_alive,
                connect_timeout: settings.connect_timeout,
            };
            let shared = Arc::clone(&button.shared);
            let firmware = Firmware::new(link_options, credentials, Arc::clone(&settings), shared, config.seed, index);
            tasks.spawn(firmware.run(inbox));
            buttons.push(button);
        }
        Self { seed: config.seed, plan: config.plan.clone(), buttons, tasks }
    }

    /// The devices, in the order of their credentials.
    #[must_use]
    pub fn buttons(&self) -> &[Button] {
        &self.buttons
    }

    /// One device.
    ///
    /// # Panics
    ///
    /// When the fleet has no such device.
    #[must_use]
    pub fn button(&self, index: usize) -> &Button {
        &self.buttons[index]
    }

    /// Waits until every device is connected and subscribed. False when one was not within `patience`.
    pub async fn online(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        for button in &self.buttons {
            if !button.online(until.saturating_duration_since(Instant::now())).await {
                return false;
            }
        }
        true
    }

    /// Waits until every press of every device has its answer. False when one had none within `patience`.
    pub async fn drained(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        for button in &self.buttons {
            if !button.drained(until.saturating_duration_since(Instant::now())).await {
                return false;
            }
        }
        true
    }

    /// Lets the plan happen for this long. Presses are not waited for; see [`drained`](Self::drained).
    ///
    /// Cancelling it leaves the devices as they are at that moment.
    pub async fn play(&self, length: Duration) {
        let begin = Instant::now();
        let mut people = JoinSet::new();
        for (button, index) in self.buttons.iter().cloned().zip(0..) {
            let steps = steps(&self.plan, self.seed, index, length);
            people.spawn(async move {
                for step in steps {
                    tokio::time::sleep_until(begin + step.at).await;
                    act(&button, step.action).await;
                }
            });
        }
        while people.join_next().await.is_some() {}
        tokio::time::sleep_until(begin + length).await;
    }

    /// What every device knows about its presses.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let mut all = Ledger::default();
        for button in &self.buttons {
            all.collect(&button.shared.ledger());
        }
        all
    }

    /// Takes leave of the hub and ends every device. Returns the final ledger.
    pub async fn stop(mut self) -> Ledger {
        let mut leaving = JoinSet::new();
        for button in &self.buttons {
            let button = button.clone();
            leaving.spawn(async move { button.switch_off().await });
        }
        while leaving.join_next().await.is_some() {}
        while self.tasks.join_next().await.is_some() {}
        self.ledger()
    }
}

async fn act(button: &Button, action: Action) {
    match action {
        // A full queue is in the ledger; the person walks away either way.
        Action::Press(which) => drop(button.push(&which.to_string()).await),
        Action::GoOffline => button.go_offline().await,
        Action::GoSilent => button.go_silent().await,
        Action::ComeBack => button.come_back().await,
        Action::Reboot => button.reboot().await,
    }
}
