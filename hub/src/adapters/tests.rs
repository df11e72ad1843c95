#![allow(clippy::unwrap_used, clippy::panic)]
use std::sync::Mutex;

use kairos_core::adapter::{Handled, Message};

use super::*;

/// A hub whose database is damaged until it is mended: the log's head is known, the rows cannot be read.
#[derive(Default)]
struct Damaged {
    mended: Mutex<bool>,
    asked: Mutex<u32>,
}

impl Hub for Damaged {
    fn now(&self) -> Millis {
        0
    }
    fn submit<'a>(&'a self, _: Command) -> BoxFuture<'a, Result<Receipt, Unavailable>> {
        panic!("nothing is submitted")
    }
    fn device<'a>(&'a self, _: &'a DeviceId) -> BoxFuture<'a, Result<Option<Device>, Unavailable>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    fn devices(&self) -> BoxFuture<'_, Result<Vec<DeviceId>, Unavailable>> {
        *self.asked.lock().unwrap() += 1;
        let mended = *self.mended.lock().unwrap();
        let answer = if mended { Ok(Vec::new()) } else { Err(Unavailable("the database is damaged".into())) };
        Box::pin(std::future::ready(answer))
    }
    fn item<'a>(&'a self, _: &'a Principal, _: &'a HabitId) -> BoxFuture<'a, Result<Option<Item>, Unavailable>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    fn routine<'a>(&'a self, _: &'a Principal, _: &'a RoutineId) -> BoxFuture<'a, Result<Option<Stage>, Unavailable>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    fn today<'a>(&'a self, _: &'a UserId) -> BoxFuture<'a, Result<(Date, Millis), Unavailable>> {
        panic!("no device, no day")
    }
    fn changes<'a>(&'a self, after: Option<Cursor>) -> BoxFuture<'a, Result<Page, Unavailable>> {
        Box::pin(async move {
            match after {
                None => Ok(Page::Resync(Cursor { epoch: "e".into(), seq: 0 })),
                Some(_) => std::future::pending().await,
            }
        })
    }
    fn tell<'a>(&'a self, _: &'a DeviceId, _: &'a str, _: String, _: bool) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
    fn sleep_until(&self, _: Millis) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
    fn random(&self) -> [u8; 10] {
        [0; 10]
    }
}

struct Outlet;

impl Adapter for Outlet {
    fn name(&self) -> &'static str {
        "outlet"
    }
    fn message<'a>(&'a self, _: &'a dyn Hub, _: Message<'a>) -> BoxFuture<'a, Result<Option<Handled>, Unavailable>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    fn answer<'a>(&'a self, _: &'a dyn Hub, _: &'a DeviceId, _: Handled) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
    fn run<'a>(&'a self, hub: &'a dyn Hub) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            let mut cursor = None;
            loop {
                if let Page::Resync(now) = hub.changes(cursor).await? {
                    hub.devices().await?;
                    cursor = Some(now);
                } else {
                    return Ok(());
                }
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn an_outlet_is_well_once_a_round_went_well_and_asks_ever_more_rarely_until_then() {
    let (hub, board) = (Damaged::default(), Board::default());
    let running = run_over(&Outlet, &hub, &board);
    tokio::pin!(running);
    for _ in 0..600 {
        let second = tokio::time::timeout(Duration::from_secs(1), running.as_mut());
        assert!(second.await.is_err());
        assert!(matches!(board.get("outlet"), Some(State::Degraded(_))), "never well in between");
    }
    let asked = *hub.asked.lock().unwrap();
    assert!((8..=16).contains(&asked), "{asked} times in ten minutes");
    *hub.mended.lock().unwrap() = true;
    assert!(tokio::time::timeout(LONGEST_REST * 2, running.as_mut()).await.is_err());
    assert_eq!(board.get("outlet"), Some(State::Ok));
}
