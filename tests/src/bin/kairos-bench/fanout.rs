//! G4: one press, and the last of many screens that shows it.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use crate::Plan;
use crate::figures::{Bound, Goal, Samples, Spread};
use crate::stage::{Presses, Stage, login, press, press_today, topic};
use crate::wire::{ANSWERS, Inbox, Mqtt, greeting, holds};

/// Buttons of the board that changes the day's view.
const BUTTONS: u64 = 8;

/// Counts down the screens that have not seen the present press.
#[derive(Default)]
struct Round {
    waiting: Cell<usize>,
    ended: Cell<Option<Instant>>,
    began: Cell<Option<Instant>>,
    first: RefCell<Option<Instant>>,
    all: Notify,
}

impl Round {
    fn seen(&self) {
        let now = Instant::now();
        self.first.borrow_mut().get_or_insert(now);
        let left = self.waiting.get().saturating_sub(1);
        self.waiting.set(left);
        if left == 0 {
            self.ended.set(Some(now));
            self.all.notify_one();
        }
    }
}

/// A screen that calls out whenever a frame holds the words; a frame is searched from its end, where they stand.
async fn screen(port: u16, token: String, today: bool, words: &'static [u8], round: Rc<Round>, ready: Rc<Notify>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut chunk = [0; 16 * 1024];
    for (say, answer) in greeting(&token, today).iter().zip(ANSWERS) {
        stream.write_all(say).await.unwrap();
        let mut heard = Vec::new();
        while !holds(&heard, answer) {
            let read = stream.read(&mut chunk).await.unwrap();
            assert!(read > 0, "the screen was closed");
            heard.extend_from_slice(&chunk[..read]);
        }
    }
    ready.notify_one();
    let mut inbox = Inbox::default();
    loop {
        let read = stream.read(&mut chunk).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        inbox.push(&chunk[..read]);
        while let Some(frame) = inbox.frame() {
            let body = inbox.bytes(frame.body.clone());
            let seen = holds(&body[..body.len().min(160)], words);
            inbox.used(&frame);
            if seen {
                round.seen();
            }
        }
    }
}

/// One measurement: so many screens, a number of presses; p50 to the last, and to the first, in milliseconds.
async fn measure(stage: &mut Stage, count: usize, today: bool, presses: usize) -> (Samples, Samples) {
    let (board, plain) = (stage.board(usize::try_from(BUTTONS).unwrap()).await, stage.buttons(1).await.remove(0));
    // A connection that is kept for later requests would take a screen's place among the hub's thousand.
    stage.house.http = reqwest::Client::new();
    let (ports, token) = (stage.house.ports, stage.person.token.clone());
    let words: &'static [u8] = if today { b"\"type\":\"today\"" } else { b"\"table\":\"completions\"" };
    LocalSet::new()
        .run_until(async {
            let (round, ready) = (Rc::new(Round::default()), Rc::new(Notify::new()));
            let mut screens = Vec::with_capacity(count);
            for _ in 0..count {
                let (round, ready) = (round.clone(), ready.clone());
                let screen = screen(ports.http, token.clone(), today, words, round, ready.clone());
                screens.push(tokio::task::spawn_local(screen));
                ready.notified().await;
            }
            let button = if today { &board } else { &plain };
            let mut client = Mqtt::connect(ports.mqtt, &login(button));
            let (to, n) = (topic(button), Presses::default());
            let (mut last, mut first) = (Samples::default(), Samples::default());
            for turn in 0..presses + 3 {
                round.waiting.set(count);
                *round.first.borrow_mut() = None;
                let press_id = n.next();
                let payload = if today { press_today(press_id, press_id % BUTTONS) } else { press(press_id) };
                let began = Instant::now();
                round.began.set(Some(began));
                client.publish(&to, payload.as_bytes());
                round.all.notified().await;
                client.acknowledged();
                // The first few warm up.
                if turn >= 3 {
                    last.push(round.ended.get().unwrap() - began);
                    first.push(round.first.borrow().unwrap() - began);
                }
            }
            for screen in screens {
                screen.abort();
            }
            (last, first)
        })
        .await
}

/// Runs the goal.
pub(crate) async fn run(plan: &Plan, dir: &Path, memory: Option<&Path>) -> Goal {
    let mut goal = Goal::new("G4", "One press → the last of many websockets");
    let cases = [
        ("50", 50, false, Some(1.5)),
        ("50, each with its day's view,", 50, true, None),
        ("1000", 1000, false, Some(100.0)),
    ];
    for (name, count, today, most) in cases {
        for (place, base) in [("disk-free", memory), ("on this disk", Some(dir))] {
            let Some(base) = base else { continue };
            let (mut lasts, mut firsts) = (Vec::new(), Vec::new());
            for round in 0..plan.fan_rounds {
                // A fresh house: the board's day does not grow from round to round.
                let mut stage = Stage::open(base, &format!("fan-{count}-{today}-{round}")).await;
                let (last, first) = measure(&mut stage, count, today, plan.fan_presses).await;
                lasts.push(last);
                firsts.push(first);
                stage.close().await;
            }
            let p50 = |rounds: &[Samples]| Spread::of(rounds.iter().map(|samples| samples.p50() / 1000.0));
            let line = format!("last of {name} {place}, p50");
            match most.filter(|_| place == "disk-free" || memory.is_none()) {
                Some(most) => goal.judge(line, "ms", p50(&lasts), Bound::AtMost(most)),
                None => goal.tell(line, "ms", p50(&lasts)),
            }
            goal.tell("  the first of them", "ms", p50(&firsts));
            goal.tell("  the last, p99", "ms", Spread::of(lasts.iter().map(|s| s.percentile(99) / 1000.0)));
        }
    }
    goal.note(
        "the generator reads every socket on one thread, on the same two processors: its work is in these figures",
    );
    goal.note("the goal is judged without the disk, which is G1's matter");
    goal
}
