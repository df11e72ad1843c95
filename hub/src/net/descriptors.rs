//! How many files the system lets the hub open, and how many connections fit.
//!
//! A hub without a free descriptor can neither take a press nor open its database anew. So connections are bounded
//! before the system does it, and buttons have a share that screens cannot take.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the database, the log, listeners and their newcomers, discovery, certificates.
const RESERVE: usize = 64;
/// What macOS takes where it does not take "without limit".
const MODEST: u64 = 10_240;
/// Fewer connections than this are of no use; then the system's own limit is met.
const LEAST: usize = 16;

/// How many connections each kind of listener may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Web pages, REST and websockets.
    pub http: usize,
    /// Buttons and bridges.
    pub mqtt: usize,
}

/// Lets this process open as many files as it may, and tells how many that is.
#[must_use]
pub fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    if !raised && current.is_some_and(|current| current < MODEST) {
        let modest = Some(maximum.map_or(MODEST, |maximum| maximum.min(MODEST)));
        // Where not even that is allowed, less has to do.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: modest, maximum });
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files).unwrap_or(usize::MAX)
}

/// What of the wished connections fits; when not all do, half is for MQTT.
///
/// A ninth stays free: a displaced connection is counted no more a moment before it is closed.
#[must_use]
pub fn share(files: usize, wished: Shares) -> Shares {
    let free = files.saturating_sub(RESERVE) / 9 * 8;
    let mqtt = wished.mqtt.min((free / 2).max(free.saturating_sub(wished.http)));
    let http = wished.http.min(free - mqtt);
    Shares { http: http.max(LEAST), mqtt: mqtt.max(LEAST.min(wished.mqtt)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_shares() {
        for (files, wished, expected) in [
            (usize::MAX, (1000, 1000), (1000, 1000)),
            (20_000, (1000, 5000), (1000, 5000)),
            (2314, (1000, 1000), (1000, 1000)),
            (1024, (1000, 1000), (424, 424)),
            (1024, (1000, 100), (748, 100)),
            (1024, (200, 1000), (200, 648)),
            (256, (1000, 1000), (84, 84)),
            (20, (1000, 1000), (16, 16)),
            (1024, (1000, 4), (844, 4)),
        ] {
            let shares = share(files, Shares { http: wished.0, mqtt: wished.1 });
            assert_eq!((shares.http, shares.mqtt), expected, "{files} {wished:?}");
            assert!(files <= RESERVE + LEAST * 2 || shares.http + shares.mqtt + RESERVE <= files, "{files}");
        }
    }

    #[test]
    fn the_limit_is_as_high_as_it_may_be() {
        let files = raise();
        assert!(files >= 64);
        assert_eq!(raise(), files);
    }
}
