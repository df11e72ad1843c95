//! The throttle: five tries a minute, ten at once, for logins, setup and codes.
//!
//! Nobody is locked out for good, and an attacker at one address does not keep the owner out: tries for
//! one account are counted in three lanes. Addresses the account has signed in from have a lane each;
//! the first try of an address that was quiet goes in a second; whoever keeps trying shares the third.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kairos_core::Millis;

use super::AuthError;
use crate::clock::Clock;
use crate::net::network;

/// What one try costs: five fit in a minute.
const COST: Millis = 12_000;
/// How many tries may come at once.
const BURST: Millis = 10;
/// How many addresses and accounts are counted. Further ones share one lane, so that an attacker with
/// many addresses gains nothing by making others be forgotten.
const COUNTED: usize = 8192;
/// How many pairs of account and address are remembered as having signed in.
const FAMILIAR: usize = 1024;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Logins from an address.
    Login,
    /// Setup codes from an address.
    Setup,
    /// Display codes asked for from an address.
    Display,
    /// Display codes typed by a person.
    Approve,
    /// Tokens of a provider, from an address or by a person.
    Exchange,
    /// Codes of other houses from an address.
    House,
    /// Refreshes of one session.
    Refresh,
    /// Logins to an account from one address it has signed in from.
    Familiar,
    /// Logins to an account by addresses that were quiet.
    First,
    /// Other logins to an account.
    Account,
}

/// Counts tries.
pub struct Throttle {
    clock: Clock,
    /// A lane and what it is for become a number that this process alone can compute: no mail address
    /// is kept, and nobody can choose two that collide.
    salt: RandomState,
    // Held for a few map operations, never across an await.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When each lane will be free again, were it filled evenly.
    busy_until: HashMap<u64, Millis>,
    /// When lanes that are free again were last forgotten.
    swept_at: Millis,
    familiar: HashSet<u64>,
    familiar_in_order: VecDeque<u64>,
}

/// A login that may be tried. Hand it back when it succeeded: only tries that did not are counted.
#[derive(Debug)]
pub struct Admission {
    lanes: Vec<u64>,
    pair: Option<u64>,
}

impl Throttle {
    /// A throttle that has counted nothing.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, salt: RandomState::new(), state: Mutex::new(State::default()) }
    }

    /// Counts a try from an address.
    ///
    /// # Errors
    /// [`AuthError::Throttled`] with the wait until the next is counted.
    pub fn address(&self, lane: Lane, address: IpAddr) -> Result<(), AuthError> {
        self.take(self.key(lane, &network(address).to_string()))
    }

    /// Counts a try by or for something that has a name.
    ///
    /// # Errors
    /// [`AuthError::Throttled`] with the wait until the next is counted.
    pub fn named(&self, lane: Lane, name: &str) -> Result<(), AuthError> {
        self.take(self.key(lane, name))
    }

    /// Counts a login from an address to an account, whether or not there is such an account.
    ///
    /// # Errors
    /// [`AuthError::Throttled`] with the wait until the next is counted.
    pub fn login(&self, address: IpAddr, account: &str) -> Result<Admission, AuthError> {
        let network = network(address).to_string();
        let from = self.key(Lane::Login, &network);
        let pair = self.key(Lane::Familiar, &format!("{network} {account}"));
        let lane = {
            let now = self.clock.now();
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.familiar.contains(&pair) {
                pair
            } else if state.busy_until.get(&from).is_none_or(|until| *until <= now) {
                self.key(Lane::First, account)
            } else {
                self.key(Lane::Account, account)
            }
        };
        self.take(from)?;
        self.take(lane)?;
        Ok(Admission { lanes: vec![from, lane], pair: Some(pair) })
    }

    /// Counts a token of a provider from an address: whose it is, nobody knows before the provider says so.
    ///
    /// # Errors
    /// [`AuthError::Throttled`] with the wait until the next is counted.
    pub fn exchange(&self, address: IpAddr) -> Result<Admission, AuthError> {
        let lane = self.key(Lane::Exchange, &network(address).to_string());
        self.take(lane)?;
        Ok(Admission { lanes: vec![lane], pair: None })
    }

    /// A login that succeeded is not counted, and its address is remembered for the account.
    pub fn succeeded(&self, login: &Admission) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for lane in &login.lanes {
            if let Some(until) = state.busy_until.get_mut(lane) {
                *until = until.saturating_sub(COST);
            }
        }
        let Some(pair) = login.pair else { return };
        if state.familiar.insert(pair) {
            state.familiar_in_order.push_back(pair);
            if state.familiar_in_order.len() > FAMILIAR
                && let Some(oldest) = state.familiar_in_order.pop_front()
            {
                state.familiar.remove(&oldest);
            }
        }
    }

    fn key(&self, lane: Lane, name: &str) -> u64 {
        self.salt.hash_one((lane as u8, name))
    }

    fn take(&self, lane: u64) -> Result<(), AuthError> {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lane = lane;
        if !state.busy_until.contains_key(&lane) && state.busy_until.len() >= COUNTED {
            // At most once a second: under a flood of strangers this must not become the load.
            if now.abs_diff(state.swept_at) >= 1000 {
                state.swept_at = now;
                state.busy_until.retain(|_, until| *until > now);
            }
            if state.busy_until.len() >= COUNTED {
                lane = 0;
            }
        }
        let until = state.busy_until.entry(lane).or_insert(now);
        // Also ends a wait that only exists because the clock was set back.
        *until = (*until).clamp(now, now.saturating_add(COST * BURST));
        let wait = *until - now - COST * (BURST - 1);
        if wait > 0 {
            return Err(AuthError::Throttled(Duration::from_millis(u64::try_from(wait).unwrap_or(0))));
        }
        *until += COST;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::Ipv6Addr;

    use super::*;

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    fn tries(count: usize, mut one: impl FnMut() -> bool) -> usize {
        (0..count).filter(|_| one()).count()
    }

    #[test]
    fn ten_at_once_then_five_a_minute() {
        let clock = Clock::manual(1_000_000);
        let throttle = Throttle::new(clock.clone());
        let one = || throttle.address(Lane::Setup, address(1)).is_ok();
        assert_eq!(tries(50, one), 10);
        let Err(AuthError::Throttled(wait)) = throttle.address(Lane::Setup, address(1)) else { unreachable!() };
        assert_eq!(wait, Duration::from_secs(12));
        clock.set(1_000_000 + 60_000);
        assert_eq!(tries(50, one), 5);
        clock.set(1_000_000 + 10 * 60_000);
        assert_eq!(tries(50, one), 10);
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let clock = Clock::manual(1_000_000_000_000);
        let throttle = Throttle::new(clock.clone());
        assert_eq!(tries(50, || throttle.address(Lane::Login, address(1)).is_ok()), 10);
        clock.set(1_000_000);
        assert!(throttle.address(Lane::Login, address(1)).is_err());
        clock.set(1_000_000 + 120_000);
        assert!(throttle.address(Lane::Login, address(1)).is_ok());
    }

    #[test]
    fn ten_thousand_bad_logins_leave_the_owner_a_way_in() {
        let clock = Clock::manual(1_000_000);
        let throttle = Throttle::new(clock.clone());
        let owner = throttle.login(address(7), "ada").unwrap();
        throttle.succeeded(&owner);
        // One address, then a thousand.
        let mut admitted = tries(5_000, || throttle.login(address(666), "ada").is_ok());
        assert!(throttle.login(address(8), "ada").is_ok(), "an address that was quiet");
        admitted += tries(5_000, {
            let mut n = 1000;
            let throttle = &throttle;
            move || {
                n += 1;
                throttle.login(address(n % 1000 + 10_000), "ada").is_ok()
            }
        });
        assert!(admitted <= 40, "{admitted} were hashed");
        assert!(throttle.login(address(7), "ada").is_ok(), "an address the owner has signed in from");
        assert!(throttle.login(address(9), "bo").is_ok(), "somebody else");
        clock.set(1_000_000 + 120_000);
        assert!(throttle.login(address(8), "ada").is_ok(), "nobody is locked out for good");
    }

    #[test]
    fn success_is_not_counted() {
        let throttle = Throttle::new(Clock::manual(1_000_000));
        for _ in 0..50 {
            let login = throttle.login(address(1), "ada").unwrap();
            throttle.succeeded(&login);
        }
    }

    #[test]
    fn memory_is_bounded_and_strangers_then_share_one_lane() {
        let clock = Clock::manual(1_000_000);
        let throttle = Throttle::new(clock.clone());
        let admitted = tries(50_000, {
            let mut n = 0;
            let throttle = &throttle;
            move || {
                n += 1;
                throttle.address(Lane::Login, address(n)).is_ok()
            }
        });
        assert!(admitted <= COUNTED + 10, "{admitted}");
        assert!(throttle.state.lock().unwrap().busy_until.len() <= COUNTED + 1);
        clock.set(2_000_000);
        assert!(throttle.address(Lane::Login, address(60_000)).is_ok());
        assert!(throttle.state.lock().unwrap().busy_until.len() <= 2);
    }

    #[test]
    fn an_address_is_a_network_of_the_new_kind() {
        let throttle = Throttle::new(Clock::manual(1_000_000));
        let admitted = tries(100, {
            let mut n = 0_u128;
            let throttle = &throttle;
            move || {
                n += 1;
                let host = Ipv6Addr::from_bits((0xfd00_u128 << 112) | n);
                throttle.address(Lane::Login, IpAddr::V6(host)).is_ok()
            }
        });
        assert_eq!(admitted, 10);
    }
}
