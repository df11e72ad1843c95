//! Who may use which topic: pure rules, judged the same way for publishes, subscriptions, shared subscriptions and
//! wills, and for sessions that are taken up again.
//!
//! A topic follows from the credential, never from the client id. Everything that is not named here is refused.

/// No topic or filter of this house is longer; longer ones are refused before anything compares them.
pub const MAX_TOPIC: usize = 512;
/// Nor deeper.
pub const MAX_LEVELS: usize = 32;

/// What kind of client a credential belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// One of our own boards: `prefixes` holds its one `kairos/device/<id>`.
    Device,
    /// Another maker's device, within the prefixes listed for it.
    Foreign,
    /// A bridge (zigbee2mqtt, Tasmota), within the prefixes listed for it.
    Bridge,
    /// Home Assistant: its discovery prefixes and `kairos/hub`.
    HomeAssistant,
    /// A board that has no credential yet: `prefixes` holds its one `kairos/pair/<hw_id>`.
    Pair,
    /// The hub's own tools: everything but `$…`.
    Hub,
}

/// What a login was granted.
///
/// A prefix is a topic such as `kairos/device/4f1c`, and stands for itself and everything below it; other makers'
/// prefixes may hold `+` for one level, and may end in `/#`, which changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The identity: rates, sessions, revocation and access hang on it.
    pub credential: String,
    /// Which rules apply.
    pub class: Class,
    /// Where they apply.
    pub prefixes: Vec<String>,
}

/// Which way a message would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the hub.
    Publish,
    /// From the hub to the client.
    Subscribe,
}

/// What the hub does with a publish that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person's press: saved before it is acknowledged, never retained, never a will, read by the hub alone.
    Event,
    /// A request to the hub: saved before it is acknowledged, never a will; taken once whatever its retain flag says.
    Command,
    /// A hello while pairing: never retained, never a will.
    Hello,
    /// Everything else: status, information, other makers' states.
    State,
}

/// Whether `grant` may publish to the topic, or subscribe to the filter, `text`.
#[must_use]
pub fn may(grant: &Grant, direction: Direction, text: &str) -> bool {
    match direction {
        Direction::Publish => is_topic(text) && may_publish(grant, text),
        Direction::Subscribe => {
            underlying(text).is_some_and(|filter| is_filter(filter) && may_subscribe(grant, filter))
        }
    }
}

/// Whether `grant` may leave a will on `topic`: what it may publish, except what needs a person's press.
#[must_use]
pub fn may_leave_will(grant: &Grant, topic: &str) -> bool {
    may(grant, Direction::Publish, topic) && kind(grant, topic) == Kind::State
}

/// What an allowed publish of `grant` on `topic` is.
#[must_use]
pub fn kind(grant: &Grant, topic: &str) -> Kind {
    match grant.class {
        Class::Device if leaf_of(grant, topic) == Some("event") => Kind::Event,
        Class::Pair => Kind::Hello,
        Class::HomeAssistant if is_habit_command(topic) => Kind::Command,
        _ => Kind::State,
    }
}

fn may_publish(grant: &Grant, topic: &str) -> bool {
    match grant.class {
        Class::Hub => true,
        Class::Device => matches!(leaf_of(grant, topic), Some("event" | "status" | "info")),
        Class::Pair => leaf_of(grant, topic) == Some("hello"),
        Class::HomeAssistant => is_habit_command(topic) || listed(grant, topic),
        Class::Foreign | Class::Bridge => listed(grant, topic),
    }
}

fn may_subscribe(grant: &Grant, filter: &str) -> bool {
    match grant.class {
        Class::Hub => true,
        // Its whole subtree: what it may not read there, nobody may publish there.
        Class::Device | Class::Pair => own_prefix(grant).is_some_and(|prefix| below(prefix, filter).is_some()),
        Class::HomeAssistant => below("kairos/hub", filter).is_some() || listed(grant, filter),
        Class::Foreign | Class::Bridge => listed(grant, filter),
    }
}

/// `kairos/hub/habit/<id>/set`
fn is_habit_command(topic: &str) -> bool {
    below("kairos/hub/habit", topic)
        .and_then(|rest| rest.strip_suffix("/set"))
        .is_some_and(|habit| !habit.is_empty() && !habit.contains('/'))
}

/// The one prefix of a device or a pairing board; a grant that lists none, or several, reaches nothing.
fn own_prefix(grant: &Grant) -> Option<&str> {
    let [prefix] = grant.prefixes.as_slice() else {
        return None;
    };
    (is_topic(prefix) && !prefix.ends_with('/')).then_some(prefix)
}

/// The single level below the grant's own prefix.
fn leaf_of<'a>(grant: &Grant, topic: &'a str) -> Option<&'a str> {
    below(own_prefix(grant)?, topic).filter(|leaf| !leaf.contains('/'))
}

/// What follows `prefix/`.
fn below<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    text.strip_prefix(prefix)?.strip_prefix('/')
}

/// True when one of the listed prefixes covers everything `filter` can match. `kairos/…` is never reached this way,
/// whatever was listed, nor is a filter that could match it.
fn listed(grant: &Grant, filter: &str) -> bool {
    let first = filter.split('/').next().unwrap_or_default();
    !matches!(first, "kairos" | "+" | "#") && grant.prefixes.iter().any(|prefix| covers(prefix, filter))
}

fn covers(prefix: &str, filter: &str) -> bool {
    let prefix = prefix.strip_suffix("/#").unwrap_or(prefix);
    if !is_filter(prefix) || prefix.contains('#') {
        return false;
    }
    let mut levels = filter.split('/');
    prefix.split('/').all(|wanted| match levels.next() {
        None | Some("#") => false,
        Some(level) => wanted == "+" || wanted == level,
    })
}

/// The filter inside `$share/<group>/<filter>`, or the filter itself; `None` for anything else that begins with `$`.
fn underlying(text: &str) -> Option<&str> {
    let filter = match text.strip_prefix("$share/") {
        None => text,
        Some(shared) => {
            let (group, filter) = shared.split_once('/')?;
            if group.is_empty() || group.contains(['+', '#']) {
                return None;
            }
            filter
        }
    };
    (!filter.starts_with('$')).then_some(filter)
}

fn is_sane(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_TOPIC
        && !text.starts_with('$')
        && text.bytes().filter(|b| *b == b'/').count() < MAX_LEVELS
        && !text.chars().any(char::is_control)
}

fn is_topic(text: &str) -> bool {
    is_sane(text) && !text.contains(['+', '#'])
}

fn is_filter(text: &str) -> bool {
    if !is_sane(text) {
        return false;
    }
    let mut levels = text.split('/').peekable();
    while let Some(level) = levels.next() {
        let whole = match level {
            "#" => levels.peek().is_none(),
            "+" => true,
            _ => !level.contains(['+', '#']),
        };
        if !whole {
            return false;
        }
    }
    true
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
