//! The names of backups: `kairos-2026-11-24T081500Z.sqlite`, without a colon so that every disk takes them.

use std::fmt;

use kairos_core::Millis;
use kairos_core::day::{Zone, parse_instant};

const BEFORE: &str = "kairos-";
const AFTER: &str = ".sqlite";

/// The name of a backup that a hub made by itself. It is a name and never a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    at: Millis,
    text: String,
}

impl Name {
    /// The name of a backup made at a time.
    #[must_use]
    pub fn at(at: Millis) -> Self {
        let at = at.div_euclid(1000) * 1000;
        Self { at, text: format!("{BEFORE}{}{AFTER}", stamp(at)) }
    }

    /// Reads a name; `None` for every other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = text.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
        let (date, rest) = time.split_once('T')?;
        let clock = rest.strip_suffix('Z')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if clock.len() != 6 || !digits(clock) || !digits(&date.replace('-', "")) {
            return None;
        }
        let at = parse_instant(&format!("{date}T{}:{}:{}Z", clock.get(..2)?, clock.get(2..4)?, clock.get(4..)?))?;
        // One time, one name.
        Some(Self::at(at)).filter(|name| name.text == text)
    }

    /// When it was made.
    #[must_use]
    pub fn time(&self) -> Millis {
        self.at
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A time as it stands in names, to the second, UTC.
pub(crate) fn stamp(at: Millis) -> String {
    Zone::or_utc("UTC").local(at).strftime("%Y-%m-%dT%H%M%SZ").to_string()
}

/// A time as people read it, to the minute.
pub(crate) fn readable(at: Millis) -> String {
    Zone::or_utc("UTC").local(at).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_time_and_nothing_else_is_a_name() {
        let name = Name::at(1_795_514_400_999);
        assert_eq!((name.as_str(), name.time()), ("kairos-2026-11-24T100000Z.sqlite", 1_795_514_400_000));
        assert_eq!(Name::parse(name.as_str()), Some(name));
        for other in [
            "",
            "kairos-.sqlite",
            "hub.db",
            "kairos-2026-11-24T100000Z.sqlite.part",
            ".kairos-2026-11-24T100000Z.sqlite",
            "../kairos-2026-11-24T100000Z.sqlite",
            "kairos-../../etc/passwdT100000Z.sqlite",
            "kairos-2026-11-24T100000Z.sqlite/",
            "kairos-2026-11-24T10:00:00Z.sqlite",
            "kairos-2026-11-24T250000Z.sqlite",
            "kairos-2026-02-30T100000Z.sqlite",
            "kairos-2026-11-24T100000z.sqlite",
            "kairos-2026-11-24t100000Z.sqlite",
            "kairos-20261124T100000Z.sqlite",
            "kairos-+2026-11-24T100000Z.sqlite",
            "kairos-2026-11-24T1000é0Z.sqlite",
            "kairos-2026-11-24T100000Z.sqlite\0",
        ] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }
}
