//! The adapter of our own buttons: presses in, `ack` and `state` out.
//!
//! [`decode`] turns bytes into a press, [`meaning`] a press and its binding into a wish; both are pure.
//! [`messages`] writes what the device is told, `outlet` keeps each device's retained state true.

pub mod decode;
pub mod meaning;
pub mod messages;
mod outlet;

use kairos_core::adapter::{Adapter, BoxFuture, Handled, Hub, Message, Unavailable};
use kairos_core::command::{Command, Fields, Outcome, Receipt, Rejection, RejectionCode, Wish};
use kairos_core::ids::{CommandId, DeviceId};

/// The adapter. Holds nothing: what it needs it asks of the hub.
#[derive(Debug, Default)]
pub struct Esp32;

impl Adapter for Esp32 {
    fn name(&self) -> &'static str {
        "esp32"
    }

    fn message<'a>(
        &'a self,
        hub: &'a dyn Hub,
        message: Message<'a>,
    ) -> BoxFuture<'a, Result<Option<Handled>, Unavailable>> {
        Box::pin(async move {
            match message.leaf {
                "event" => press(hub, message).await.map(Some),
                "info" => info(hub, message).await.map(|()| None),
                _ => Ok(None),
            }
        })
    }

    fn answer<'a>(&'a self, hub: &'a dyn Hub, device: &'a DeviceId, handled: Handled) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let shown = match &handled.by {
                Some(by) => messages::shown(hub, by, handled.habit.as_ref(), handled.routine.as_ref()).await,
                None => Ok(None),
            };
            // What a light shows is put right by the retained state; the answer itself must not wait for it.
            let shown = shown.unwrap_or_default();
            hub.tell(device, "ack", messages::ack(&handled, shown.as_ref()), false).await;
        })
    }

    fn run<'a>(&'a self, hub: &'a dyn Hub) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(outlet::run(hub))
    }
}

/// A press: decoded, bound, and sent through the door under its own id.
async fn press(hub: &dyn Hub, message: Message<'_>) -> Result<Handled, Unavailable> {
    let refused = |press_id: Option<String>, rejection: Rejection| Handled {
        press_id,
        habit: None,
        routine: None,
        by: None,
        answer: Err(rejection),
    };
    let press = match decode::press(message.payload) {
        Ok(press) => press,
        Err(malformed) => {
            return Ok(refused(malformed.press_id, Rejection::new(RejectionCode::Invalid, malformed.message)));
        }
    };
    let Some(device) = hub.device(message.device).await? else {
        return Ok(refused(Some(press.id), Rejection::not_found("device")));
    };
    let Some(binding) = meaning::binding(&device.bindings, &press) else {
        let message = "This button does nothing yet; choose a habit for it under Devices.";
        return Ok(refused(Some(press.id), Rejection::new(RejectionCode::NotBound, message)));
    };
    let (habit, routine) = (binding.habit.clone(), binding.routine.clone());
    let by = device.by.clone();
    let handled = |press_id, answer| Handled { press_id, habit, routine, by: Some(by), answer };
    let Some(wish) = meaning::wish(binding, &press) else {
        let seen = Receipt { seq: 0, outcome: Outcome::Unchanged, event_id: None, repeated: false };
        return Ok(handled(Some(press.id), Ok(seen)));
    };
    // Checked while decoding; a press id is a command id.
    let Ok(id) = CommandId::new(press.id.as_str()) else {
        return Ok(refused(None, Rejection::field("press_id", "press_id cannot be read.")));
    };
    let receipt = hub.submit(Command { id, by: device.by.clone(), wish }).await?;
    Ok(handled(Some(press.id), Ok(receipt)))
}

/// What a device says of itself. What cannot be read is left out: it is no press, nothing is lost.
async fn info(hub: &dyn Hub, message: Message<'_>) -> Result<(), Unavailable> {
    let fields: Fields = decode::info(message.payload);
    let device = if fields.is_empty() { None } else { hub.device(message.device).await? };
    if let Some(device) = device {
        let wish = Wish::NoteDevice { id: device.id, fields };
        hub.submit(Command { id: CommandId::mint(hub.now(), hub.random()), by: device.by, wish }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
