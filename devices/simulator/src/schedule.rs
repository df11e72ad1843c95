//! What happens to a button during a run, drawn from a seed. Pure: the same plan, seed and index give the same steps.

use std::time::Duration;

use crate::random::Rng;

/// How often things happen to one button.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Presses a minute, on average.
    pub presses_per_minute: f64,
    /// Times a minute the button leaves the hub's reach.
    pub outages_per_minute: f64,
    /// How long an outage lasts on average (half to one and a half of it).
    pub outage_length: Duration,
    /// Share of outages in which the connection stays open but silent, as with a radio that fades.
    pub silent: f64,
    /// Restarts a minute.
    pub reboots_per_minute: f64,
    /// How many buttons the device has; presses go to any of them.
    pub buttons: u8,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            presses_per_minute: 0.0,
            outages_per_minute: 0.0,
            outage_length: Duration::from_secs(5),
            silent: 0.25,
            reboots_per_minute: 0.0,
            buttons: 1,
        }
    }
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Somebody presses this button.
    Press(u8),
    /// The connection drops and cannot be made again.
    GoOffline,
    /// The connection stays open but nothing passes.
    GoSilent,
    /// The hub is in reach again.
    ComeBack,
    /// The device restarts.
    Reboot,
}

/// An action and its time from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, from the beginning.
    pub at: Duration,
    /// What.
    pub action: Action,
}

/// The steps of the button `index` within `length`, in order. A button that is out of reach at the end comes back then.
#[must_use]
pub fn steps(plan: &Plan, seed: u64, index: u64, length: Duration) -> Vec<Step> {
    // A stream per kind, so that asking for reboots does not move the presses.
    let stream = |kind: u64| Rng::new(seed ^ (kind << 56), index);
    let mut steps = Vec::new();

    let mut rng = stream(1);
    let mut at = rng.until_next(plan.presses_per_minute);
    while at < length {
        let button = 1 + rng.next_u64() % u64::from(plan.buttons.max(1));
        steps.push(Step { at, action: Action::Press(u8::try_from(button).unwrap_or(1)) });
        at += rng.until_next(plan.presses_per_minute);
    }

    let mut rng = stream(2);
    let mut at = rng.until_next(plan.outages_per_minute);
    while at < length {
        let action = if rng.chance(plan.silent) { Action::GoSilent } else { Action::GoOffline };
        steps.push(Step { at, action });
        let back = at + rng.between(plan.outage_length / 2, plan.outage_length.mul_f64(1.5));
        steps.push(Step { at: back.min(length), action: Action::ComeBack });
        at = back + rng.until_next(plan.outages_per_minute);
    }

    let mut rng = stream(3);
    let mut at = rng.until_next(plan.reboots_per_minute);
    while at < length {
        steps.push(Step { at, action: Action::Reboot });
        at += rng.until_next(plan.reboots_per_minute);
    }

    steps.sort_by_key(|step| step.at);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Plan {
        Plan {
            presses_per_minute: 30.0,
            outages_per_minute: 2.0,
            reboots_per_minute: 1.0,
            buttons: 4,
            ..Plan::default()
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_seed_replays_a_run_exactly() {
        assert_eq!(steps(&busy(), 1, 5, HOUR), steps(&busy(), 1, 5, HOUR));
        assert_ne!(steps(&busy(), 1, 5, HOUR), steps(&busy(), 2, 5, HOUR));
        assert_ne!(steps(&busy(), 1, 5, HOUR), steps(&busy(), 1, 6, HOUR));
    }

    #[test]
    fn trouble_does_not_move_the_presses() {
        let presses = |plan: &Plan| {
            let mut steps = steps(plan, 9, 0, HOUR);
            steps.retain(|step| matches!(step.action, Action::Press(_)));
            steps
        };
        let calm = Plan { outages_per_minute: 0.0, reboots_per_minute: 0.0, ..busy() };
        assert_eq!(presses(&busy()), presses(&calm));
        assert!((1500..2100).contains(&presses(&calm).len()), "about 30 a minute");
    }

    #[test]
    fn every_outage_ends_within_the_run_and_none_overlap() {
        for index in 0..50 {
            let mut out = false;
            let mut last = Duration::ZERO;
            for step in steps(&busy(), 3, index, HOUR) {
                assert!(step.at >= last && step.at <= HOUR);
                last = step.at;
                match step.action {
                    Action::GoOffline | Action::GoSilent => {
                        assert!(!out);
                        out = true;
                    }
                    Action::ComeBack => out = false,
                    Action::Press(button) => assert!((1..=4).contains(&button)),
                    Action::Reboot => {}
                }
            }
            assert!(!out);
        }
    }

    #[test]
    fn nothing_asked_for_is_nothing_done() {
        assert_eq!(steps(&Plan::default(), 1, 0, HOUR), []);
    }
}
