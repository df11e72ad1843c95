//! kill -9 at the instant of a PUBACK: a PUBACK means saved.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kairos_simulator::random::Rng;
use kairos_simulator::{Fleet, FleetConfig};
use kairos_tests::mqtt::{Wire, press};
use kairos_tests::{Button, Database, House, PATIENCE, Relay, scaled};

/// A button that knows what it has sent and what the hub has promised to hold.
struct Sender {
    button: Button,
    /// One of its own: a day of very many deeds takes long to add up.
    habit: String,
    name: String,
    next: u16,
    /// Sent, and not yet acknowledged: sent again at the next connection.
    open: Option<String>,
    acknowledged: Vec<String>,
}

impl Sender {
    /// Presses, or sends the press again that has no acknowledgement yet, and waits for the PUBACK.
    async fn press(&mut self, wire: &mut Wire) -> std::io::Result<()> {
        let again = self.open.is_some();
        let id = self.open.take().unwrap_or_else(|| {
            self.next += 1;
            format!("{}:{}", self.name, self.next)
        });
        let packet = press(&self.button, self.next, again, &id);
        self.open = Some(id);
        wire.send(&packet).await?;
        wire.puback().await?;
        self.acknowledged.extend(self.open.take());
        Ok(())
    }
}

/// One press of one sender; whether it was acknowledged.
async fn turn<'a>(sender: &'a mut Sender, wire: &'a mut Wire) -> (&'a mut Sender, &'a mut Wire, bool) {
    let acknowledged = sender.press(wire).await.is_ok();
    (sender, wire, acknowledged)
}

/// A house, its counted habit, and senders who press for it.
struct Scene {
    house: House,
    senders: Vec<Sender>,
}

impl Scene {
    async fn new(senders: usize) -> Self {
        let house = House::start().await;
        let ada = house.set_up().await;
        let mut all = Vec::new();
        for n in 0..senders {
            let habit = ada.counted_habit(&format!("Habit {n}"), 1e6).await;
            let button = ada.button(&format!("Button {n}"), &habit, "add").await;
            all.push(Sender { button, habit, name: format!("s{n}"), next: 0, open: None, acknowledged: Vec::new() });
        }
        Self { house, senders: all }
    }

    /// Everybody presses without a pause, and at the PUBACK number `at` the hub is killed.
    async fn kill_at(&mut self, at: usize) {
        let Self { house, senders, .. } = self;
        let port = house.ports.mqtt;
        let mut wires = Vec::new();
        for sender in senders.iter() {
            wires.push(Wire::open(port, &sender.button).await);
        }
        // All in one task: between a PUBACK that was read and the signal there is no other step. After it, what the
        // dying hub has sent already still counts as promised.
        let mut turns: FuturesUnordered<_> =
            senders.iter_mut().zip(&mut wires).map(|(sender, wire)| turn(sender, wire)).collect();
        let mut acknowledged = 0;
        while let Some((sender, wire, saved)) = turns.next().await {
            assert!(saved || acknowledged >= at, "the hub closed a connection before it was killed");
            acknowledged += 1;
            if acknowledged == at {
                house.strike();
            } else if acknowledged < at {
                turns.push(turn(sender, wire));
            }
        }
        drop(turns);
        house.kill().await;
    }

    /// Presses that were acknowledged and are not in the database.
    fn lost(&self) -> Vec<String> {
        let held = Database::open(&self.house.database()).presses();
        let promised = self.senders.iter().flat_map(|sender| &sender.acknowledged);
        promised.filter(|id| !held.contains_key(*id)).cloned().collect()
    }

    /// Asserts that what was acknowledged is held, nothing is held twice, and the habit's days add up to it.
    fn holds_what_it_promised(&self) {
        assert_eq!(self.lost(), Vec::<String>::new(), "acknowledged and lost");
        let database = Database::open(&self.house.database());
        let held = database.presses();
        let doubled: Vec<_> = held.iter().filter(|(_, count)| **count != 1).collect();
        assert!(doubled.is_empty(), "doubled: {doubled:?}");
        let events = database.events_by_habit();
        for sender in &self.senders {
            let count = f64::from(events.get(&sender.habit).copied().unwrap_or(0));
            assert_eq!(database.amount(&sender.habit).to_bits(), count.to_bits(), "the habit's days add up");
        }
    }

    /// Kills the hub `cycles` times, each time at a PUBACK among the first `most`.
    async fn many_times(&mut self, cycles: usize, most: u64) {
        let mut rng = Rng::new(0x4b41, most);
        for cycle in 0..cycles {
            let at = usize::try_from(1 + rng.next_u64() % most).unwrap();
            self.kill_at(at).await;
            self.house.boot().await;
            self.holds_what_it_promised();
            if cycle % 25 == 0 {
                Database::open(&self.house.database()).is_consistent();
            }
        }
        // What the last kill left open goes out again; then nothing is left to promise.
        for sender in &mut self.senders {
            let mut wire = Wire::open(self.house.ports.mqtt, &sender.button).await;
            sender.press(&mut wire).await.unwrap();
        }
        self.holds_what_it_promised();
        let promised: usize = self.senders.iter().map(|sender| sender.acknowledged.len()).sum();
        let database = Database::open(&self.house.database());
        assert_eq!(database.presses().len(), promised, "nothing is held that nobody sent");
        database.is_consistent();
        self.house.is_well().await;
    }
}

#[tokio::test]
async fn a_press_alone_survives_a_kill_at_its_puback() {
    Scene::new(1).await.many_times(scaled(100), 3).await;
}

#[tokio::test]
async fn eight_buttons_in_flight_survive_a_kill_at_a_puback() {
    Scene::new(8).await.many_times(scaled(100), 40).await;
}

/// Shows that the stories above would see it: the same cycles, with a hub that acknowledges before it saves.
#[tokio::test]
async fn the_control_that_acknowledges_early_loses_presses() {
    for senders in [1, 8] {
        let mut scene = Scene::new(senders).await;
        scene.house.stop().await;
        scene.house.replace(Some(Path::new(env!("CARGO_BIN_EXE_kairos-control-early-ack"))));
        for _ in 0..5 {
            scene.house.boot().await;
            scene.kill_at(senders).await;
        }
        scene.house.replace(None);
        scene.house.boot().await;
        assert!(!scene.lost().is_empty(), "{senders} senders: the control lost nothing, so the test is blind");
    }
}

/// Buttons keep pressing while the hub is dead, and hand everything over when it is back.
#[tokio::test]
async fn presses_queued_while_the_hub_was_dead_arrive_exactly_once() {
    const BUTTONS: usize = 8;
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let relay = Relay::start(house.ports.mqtt).await;
    let (mut devices, mut habit_of) = (Vec::new(), BTreeMap::new());
    for n in 0..BUTTONS {
        let habit = ada.counted_habit(&format!("Habit {n}"), 1e6).await;
        let button = ada.button(&format!("Button {n}"), &habit, "add").await;
        habit_of.insert(button.device_id.clone(), habit);
        devices.push(button.credentials());
    }
    let mut config = FleetConfig::new("127.0.0.1", relay.port, devices);
    config.settings.duplicates = 0.2;
    config.settings.ack_timeout = Duration::from_secs(1);
    config.settings.backoff_min = Duration::from_millis(10);
    config.settings.backoff_max = Duration::from_millis(100);
    let fleet = Fleet::start(&config);
    let mut rng = Rng::new(7, 7);
    for _ in 0..scaled(20) {
        assert!(fleet.online(PATIENCE).await, "every button is connected");
        for button in fleet.buttons() {
            for _ in 0..3 {
                button.push("1").await.unwrap();
            }
        }
        tokio::time::sleep(rng.between(Duration::ZERO, Duration::from_millis(15))).await;
        house.kill().await;
        for button in fleet.buttons() {
            for _ in 0..3 {
                button.push("1").await.unwrap();
            }
        }
        // Some restart meanwhile; their flash keeps what waits.
        fleet.button(usize::try_from(rng.next_u64() % BUTTONS as u64).unwrap()).reboot().await;
        house.boot().await;
        relay.point_to(house.ports.mqtt);
        assert!(fleet.drained(PATIENCE).await, "every press is answered: {:?}", fleet.ledger().counts);
    }
    let ledger = fleet.stop().await;
    let database = Database::open(&house.database());
    let expected: BTreeMap<String, u32> = ledger.press_ids().into_iter().map(|id| (id, 1)).collect();
    assert_eq!(ledger.presses.len(), scaled(20) * BUTTONS * 6);
    assert_eq!(database.presses(), expected);
    for (device, habit) in &habit_of {
        let pressed = ledger.presses.iter().filter(|press| *press.device_id == **device).count();
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let pressed = pressed as f64;
        assert_eq!(database.amount(habit).to_bits(), pressed.to_bits());
    }
    database.is_consistent();
    house.is_well().await;
}
