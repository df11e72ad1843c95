//! The firmware of one simulated device: one task with one loop.
//!
//! Three things wake it: a command from its handle, an event of its connection, and its own timer (to connect again,
//! or to repeat a press). It waits for nothing else, so no peer can hold it up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::button::{Acked, Command, Credentials, PressError, Settings, Shared, Waiter};
use crate::ledger::PressRecord;
use crate::link::{Link, LinkEvent, LinkOptions};
use crate::queue::FlashQueue;
use crate::random::{Backoff, Rng, fresh};
use crate::wire::{Ack, Incoming, Info, Light, PressId, Topics};

/// Sent so often over one connection without any PUBACK, a press tells the firmware that the connection is dead.
const SENDS_BEFORE_RECONNECT: u32 = 3;
/// How long a device takes to start.
const BOOT: Duration = Duration::from_millis(200);

pub(crate) struct Firmware {
    topics: Arc<Topics>,
    link_options: LinkOptions,
    settings: Arc<Settings>,
    shared: Arc<Shared>,
    seed: u64,
    index: u64,
    /// For waits only: what happens to the button comes from its schedule.
    rng: Rng,
    queue: FlashQueue,
    backoff: Backoff,
    boot: u64,
    /// Presses in this boot.
    presses: u64,
    booted_at: Instant,
    link: Option<Link>,
    /// Subscribed: before that an answer could not be heard, so nothing is sent.
    ready: bool,
    in_reach: bool,
    /// When to connect, while there is no link.
    retry_at: Instant,
    /// Who waits for which answer; never more than the queue holds.
    waiters: HashMap<PressId, Waiter>,
}

/// What woke the firmware.
enum Wake {
    Command(Option<Command>),
    Link(Option<LinkEvent>),
    Timer,
}

impl Firmware {
    /// A device that has just been switched on. `index` is its place in the fleet, for chance of its own.
    pub(crate) fn new(
        link_options: LinkOptions,
        credentials: &Credentials,
        settings: Arc<Settings>,
        shared: Arc<Shared>,
        seed: u64,
        index: u64,
    ) -> Self {
        Self {
            topics: Arc::new(Topics::of(&credentials.device_id)),
            link_options,
            shared,
            seed,
            index,
            rng: Rng::new(seed, index),
            queue: FlashQueue::new(settings.queue_capacity),
            backoff: Backoff::new(settings.backoff_min, settings.backoff_max),
            settings,
            boot: fresh(),
            presses: 0,
            booted_at: Instant::now(),
            link: None,
            ready: false,
            in_reach: true,
            retry_at: Instant::now(),
            waiters: HashMap::new(),
        }
    }

    /// Runs until it is switched off or its handles are gone.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        loop {
            let timer = self.next_wake();
            let wake = tokio::select! {
                command = inbox.recv() => Wake::Command(command),
                event = next_event(self.link.as_mut()) => Wake::Link(event),
                () = sleep_until(timer) => Wake::Timer,
            };
            match wake {
                Wake::Command(None) => return,
                Wake::Command(Some(Command::SwitchOff(reply))) => {
                    self.switch_off().await;
                    let _ = reply.send(());
                    return;
                }
                Wake::Command(Some(command)) => self.obey(command),
                Wake::Link(Some(event)) => self.hear(event),
                Wake::Link(None) => self.disconnect("the connection ended".into()),
                Wake::Timer => {}
            }
            if self.link.is_none() && self.in_reach && Instant::now() >= self.retry_at {
                self.link = Some(Link::open(&self.link_options, Arc::clone(&self.topics)));
            }
            self.send_due();
            self.publish_status();
        }
    }

    fn uptime(&self) -> Duration {
        self.booted_at.elapsed()
    }

    fn next_wake(&self) -> Option<Instant> {
        if !self.in_reach {
            return None;
        }
        if self.link.is_none() {
            return Some(self.retry_at);
        }
        if !self.ready {
            return None;
        }
        self.queue.next_due(self.settings.ack_timeout, self.settings.window).map(|due| self.booted_at + due)
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Press { button, event_type, waiter, reply } => {
                let pressed = self.press(&button, &event_type);
                if let (Ok(press_id), Some(waiter)) = (&pressed, waiter) {
                    self.waiters.insert(*press_id, waiter);
                }
                let _ = reply.send(pressed);
            }
            Command::GoOffline(reply) => {
                self.in_reach = false;
                self.disconnect("out of reach".into());
                let _ = reply.send(());
            }
            Command::GoSilent(reply) => {
                self.in_reach = false;
                self.ready = false;
                if let Some(link) = &self.link {
                    link.fall_silent();
                }
                let _ = reply.send(());
            }
            Command::ComeBack(reply) => {
                if !self.in_reach {
                    self.in_reach = true;
                    // A silent connection is given up: a real one would have been found dead by its keep-alive.
                    self.disconnect("out of reach".into());
                    self.backoff.reset();
                    self.retry_at = Instant::now();
                }
                let _ = reply.send(());
            }
            Command::Reboot(reply) => {
                self.reboot();
                let _ = reply.send(());
            }
            // Handled by the loop, which it ends.
            Command::SwitchOff(reply) => drop(reply),
        }
    }

    fn press(&mut self, button: &str, event_type: &str) -> Result<PressId, PressError> {
        let press_id = PressId { boot: self.boot, n: self.presses + 1 };
        let uptime = self.uptime();
        let mut ledger = self.shared.ledger();
        if self.queue.push(press_id, button, event_type, uptime).is_err() {
            ledger.counts.refused += 1;
            drop(ledger);
            self.show(button, Light::Error);
            return Err(PressError::QueueFull(self.settings.queue_capacity));
        }
        ledger.pressed(press_id, button);
        self.presses += 1;
        Ok(press_id)
    }

    fn hear(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Connected => {
                self.backoff.reset();
                self.shared.ledger().counts.connections += 1;
                self.introduce();
            }
            LinkEvent::Subscribed { refused } => {
                self.shared.ledger().counts.refused_subscriptions += refused;
                self.ready = true;
            }
            LinkEvent::Puback(press_id) => {
                self.queue.pubacked(press_id);
                self.note(press_id, |record, waited| {
                    record.pubacks += 1;
                    record.puback_after.get_or_insert(waited);
                });
            }
            LinkEvent::Message(Incoming::Ack(ack)) => self.answered(ack),
            LinkEvent::Message(Incoming::State(state)) => {
                for (button, shown) in state.buttons {
                    self.show(&button, shown.light);
                }
            }
            LinkEvent::Malformed(error) => {
                self.shared.ledger().counts.malformed += 1;
                self.remember(error.to_string());
            }
            LinkEvent::Closed(reason) => self.disconnect(reason),
        }
    }

    /// Birth message, description and subscriptions, in the order a device sends them.
    fn introduce(&self) {
        let Some(link) = &self.link else { return };
        let info = Info {
            model: "kairos-simulator".into(),
            fw: env!("CARGO_PKG_VERSION").into(),
            battery_pct: 87,
            rssi: -61,
            buttons: (1..=self.settings.buttons.max(1)).map(|button| button.to_string()).collect(),
        };
        link.announce(&self.topics.status, b"online".to_vec());
        link.announce(&self.topics.info, serde_json::to_vec(&info).unwrap_or_default());
        link.subscribe();
    }

    fn answered(&mut self, ack: Ack) {
        let Ok(press_id) = ack.press_id.parse::<PressId>() else {
            self.shared.ledger().counts.stray_acks += 1;
            return;
        };
        self.queue.answered(press_id);
        let mut button = None;
        self.note(press_id, |record, waited| {
            record.acks += 1;
            record.result.get_or_insert(ack.result);
            record.ack_after.get_or_insert(waited);
            button = Some(record.button.clone());
        });
        if let Some(button) = button {
            self.show(&button, ack.light);
        }
        if let Some(waiter) = self.waiters.remove(&press_id) {
            let _ = waiter.send(Acked { press_id, result: ack.result, light: ack.light, habit: ack.habit });
        }
    }

    /// Writes into the record of a press, with the time since it was first sent.
    fn note(&self, press_id: PressId, write: impl FnOnce(&mut PressRecord, Duration)) {
        let mut ledger = self.shared.ledger();
        match ledger.get_mut(press_id) {
            Some(record) => {
                let waited = record.sent_at.map(|sent| sent.elapsed()).unwrap_or_default();
                write(record, waited);
            }
            None => ledger.counts.stray_acks += 1,
        }
    }

    fn send_due(&mut self) {
        let (timeout, window) = (self.settings.ack_timeout, self.settings.window);
        while self.ready {
            let Some(link) = &self.link else { return };
            let uptime = self.uptime();
            let Some(press) = self.queue.due(uptime, timeout, window) else {
                return;
            };
            let press_id = press.press_id;
            let payload = serde_json::to_vec(&press.event(uptime)).unwrap_or_default();
            if !link.send_press(press_id, payload.clone()) {
                // The connection takes no more: nothing was answered for long. Begin anew.
                return self.disconnect("the connection is stuck".into());
            }
            // Decided by the press's number, not by when it happens to be sent, so that a seed repeats it.
            let number = press_id.n.wrapping_mul(0x9e37_79b9) ^ (self.index << 32);
            let chosen = Rng::new(self.seed, number).chance(self.settings.duplicates);
            {
                let mut ledger = self.shared.ledger();
                let mut twice = false;
                if let Some(record) = ledger.get_mut(press_id) {
                    twice = chosen && record.sends == 0 && link.send_press(press_id, payload);
                    record.sends += 1 + u32::from(twice);
                    record.sent_at.get_or_insert_with(Instant::now);
                }
                ledger.counts.duplicated += u64::from(twice);
            }
            let unheard = self.queue.sent(press_id, uptime);
            if unheard > SENDS_BEFORE_RECONNECT {
                return self.disconnect("no PUBACK for a press".into());
            }
        }
    }

    /// Drops the connection, if any, and plans the next.
    fn disconnect(&mut self, reason: String) {
        self.link = None;
        self.ready = false;
        self.queue.connection_lost();
        self.retry_at = Instant::now() + self.backoff.next(&mut self.rng);
        self.remember(reason);
    }

    /// Keeps an error for whoever asks; it wakes nobody.
    fn remember(&self, error: String) {
        self.shared.status.send_if_modified(|status| {
            status.last_error = Some(error);
            false
        });
    }

    fn reboot(&mut self) {
        let lost = self.queue.restart(self.uptime(), self.settings.flash);
        {
            let mut ledger = self.shared.ledger();
            ledger.counts.reboots += 1;
            for press_id in &lost {
                if let Some(record) = ledger.get_mut(*press_id) {
                    record.lost = true;
                }
            }
        }
        // Dropping a waiter tells it that its press is gone.
        self.waiters.retain(|press_id, _| !lost.contains(press_id));
        self.disconnect("restarting".into());
        self.boot = fresh();
        self.presses = 0;
        self.booted_at = Instant::now();
        self.backoff.reset();
        self.retry_at = Instant::now() + self.rng.between(BOOT / 2, BOOT);
        self.shared.status.send_modify(|status| {
            status.reboots += 1;
            status.lights.clear();
        });
    }

    async fn switch_off(&mut self) {
        if let Some(link) = self.link.take().filter(|_| self.in_reach) {
            link.announce(&self.topics.status, b"offline".to_vec());
            link.close(Duration::from_secs(2)).await;
        }
        self.ready = false;
        self.publish_status();
    }

    fn show(&self, button: &str, light: Light) {
        self.shared.status.send_if_modified(|status| status.lights.insert(button.to_owned(), light) != Some(light));
    }

    fn publish_status(&self) {
        let (online, queued) = (self.ready, self.queue.len());
        self.shared.status.send_if_modified(|status| {
            let changed = (status.online, status.queued) != (online, queued);
            (status.online, status.queued) = (online, queued);
            changed
        });
    }
}

async fn next_event(link: Option<&mut Link>) -> Option<LinkEvent> {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
