//! Between broker and hub: who may connect, and what becomes of what they publish.

use std::sync::Arc;
use std::time::Duration;

use kairos_core::adapter::{Adapter, Handled, Message};
use kairos_core::command::{Outcome, RejectionCode};
use kairos_core::ids::DeviceId;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::adapters::Window;
use crate::auth::Auth;
use crate::broker::{BoxFuture, Class, Gate, Grant, Login, NotSaved, Publish, Reason, Refusal, Refused, Settled};
use crate::roster::Roster;
use crate::store::Store;

/// How many answers to devices may be under way; beyond, a device waits for its acknowledgement instead.
const ANSWERS: usize = 256;
/// A device's broken messages are logged at most this often, all devices together.
const QUIET: Duration = Duration::from_secs(10);

/// The hub's side of the broker.
pub struct HubGate {
    auth: Auth,
    store: Store,
    roster: Roster,
    adapter: Arc<dyn Adapter>,
    /// Set once the broker runs: it is what answers go out through.
    window: std::sync::OnceLock<Window>,
    answers: Arc<Semaphore>,
    tasks: TaskTracker,
    last_refusal: std::sync::Mutex<Option<tokio::time::Instant>>,
}

impl HubGate {
    /// A gate for the devices of one adapter.
    #[must_use]
    pub fn new(auth: Auth, store: Store, roster: Roster, adapter: Arc<dyn Adapter>) -> Self {
        Self {
            auth,
            store,
            roster,
            adapter,
            window: std::sync::OnceLock::new(),
            answers: Arc::new(Semaphore::new(ANSWERS)),
            tasks: TaskTracker::new(),
            last_refusal: std::sync::Mutex::default(),
        }
    }

    /// Opens the gate: from now on presses have somewhere to go.
    pub fn open(&self, window: Window) {
        let _ = self.window.set(window);
    }

    /// Hands a message to the adapter; its answer goes out beside, after the acknowledgement.
    async fn take(&self, publish: Publish<'_>) -> Result<Settled, NotSaved> {
        let (Some(window), Ok(device)) = (self.window.get(), DeviceId::new(publish.credential)) else {
            return Err(NotSaved);
        };
        let prefix = format!("kairos/device/{device}/");
        let Some(leaf) = publish.topic.strip_prefix(&prefix) else { return Ok(Settled::Saved) };
        let message = Message { device: &device, leaf, payload: publish.payload };
        let handled = self.adapter.message(window, message).await.map_err(|_| NotSaved)?;
        let Some(handled) = handled else { return Ok(Settled::Saved) };
        count(&handled);
        let settled = settled(&handled);
        let permit = self.answers.clone().acquire_owned().await.map_err(|_| NotSaved)?;
        let (adapter, window) = (self.adapter.clone(), window.clone());
        self.tasks.spawn(async move {
            adapter.answer(&window, &device, handled).await;
            drop(permit);
        });
        Ok(settled)
    }
}

/// What the acknowledgement of a press says, as far as it can.
fn settled(handled: &Handled) -> Settled {
    let rejection = match &handled.answer {
        Err(rejection) => rejection,
        Ok(receipt) => match &receipt.outcome {
            Outcome::Rejected(rejection) => rejection,
            Outcome::Applied | Outcome::Unchanged => return Settled::Saved,
        },
    };
    Settled::Refused(match rejection.code {
        RejectionCode::Invalid => Reason::Payload,
        RejectionCode::Forbidden => Reason::NotAuthorized,
        _ => Reason::NotAccepted,
    })
}

fn count(handled: &Handled) {
    let result = match &handled.answer {
        Ok(receipt) if receipt.repeated => "duplicate",
        Ok(receipt) => match receipt.outcome {
            Outcome::Applied => "applied",
            Outcome::Unchanged => "unchanged",
            Outcome::Rejected(_) => "rejected",
        },
        Err(_) => "rejected",
    };
    metrics::counter!("kairos_presses_total", "result" => result).increment(1);
}

impl Gate for HubGate {
    fn authenticate<'a>(&'a self, login: Login<'a>) -> BoxFuture<'a, Result<Grant, Refused>> {
        Box::pin(async move {
            let (Some(username), Some(password)) = (login.username, login.password) else {
                return Err(Refused::Credentials);
            };
            match self.auth.device_login(username, password).await {
                Ok(Some(_)) => Ok(Grant {
                    credential: username.to_owned(),
                    class: Class::Device,
                    prefixes: vec![format!("kairos/device/{username}")],
                }),
                Ok(None) => Err(Refused::Credentials),
                Err(_) => Err(Refused::Unavailable),
            }
        })
    }

    fn event<'a>(&'a self, publish: Publish<'a>) -> BoxFuture<'a, Result<Settled, NotSaved>> {
        Box::pin(async move {
            let begun = tokio::time::Instant::now();
            let settled = self.take(publish).await;
            metrics::histogram!("kairos_press_seconds").record(begun.elapsed().as_secs_f64());
            settled
        })
    }

    fn note<'a>(&'a self, publish: Publish<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            // What a device says of itself is worth a try, not a disconnect.
            let _ = self.take(publish).await;
        })
    }

    fn retained_set<'a>(
        &'a self,
        topic: &'a str,
        payload: Option<&'a [u8]>,
        qos: u8,
    ) -> BoxFuture<'a, Result<(), NotSaved>> {
        Box::pin(async move { self.store.retain(topic, payload, qos).await.map_err(|_| NotSaved) })
    }

    fn connected(&self, credential: &str, online: bool) {
        self.roster.set_here(credential, online);
    }

    fn refused(&self, credential: Option<&str>, what: Refusal) {
        metrics::counter!("kairos_mqtt_refused_total", "what" => what.name()).increment(1);
        let mut last = self.last_refusal.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() > QUIET) {
            *last = Some(tokio::time::Instant::now());
            tracing::warn!(
                device = credential.unwrap_or("-"),
                what = what.name(),
                "Refused something a device wanted; more are counted in the metrics."
            );
        }
    }
}
