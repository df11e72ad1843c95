//! Durations and sizes, written with their units.

use std::fmt;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{Scalar, not};

impl Scalar for Duration {
    const EXPECTED: &'static str = "a duration such as 500ms, 10s, 15m, 24h or 7d";

    fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = split_unit(text);
        let milliseconds: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(not::<Self>(text)),
        };
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(milliseconds))
            .map(Self::from_millis)
            .ok_or_else(|| not::<Self>(text))
    }

    fn show(&self) -> Json {
        json!(duration_text(*self))
    }
}

/// Writes a duration as the file does, in the largest unit that fits without a remainder.
fn duration_text(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
        .into_iter()
        .find(|(_, size)| milliseconds > 0 && milliseconds.is_multiple_of(*size))
        .map_or_else(|| format!("{milliseconds}ms"), |(unit, size)| format!("{}{unit}", milliseconds / size))
}

/// How often something happens by itself, if it does: `24h`, `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every(Option<Duration>);

impl Every {
    /// Every `n` hours.
    pub const fn hours(n: u32) -> Self {
        Self(Some(Duration::from_secs(n as u64 * 3600)))
    }

    /// Returns how often; `None`: not by itself.
    pub const fn period(self) -> Option<Duration> {
        self.0
    }
}

impl Scalar for Every {
    const EXPECTED: &'static str = "a duration such as 12h, 24h or 7d, or off";

    fn parse(text: &str) -> Result<Self, String> {
        if matches!(text.to_ascii_lowercase().as_str(), "off" | "0" | "false") {
            return Ok(Self(None));
        }
        let duration = <Duration as Scalar>::parse(text).map_err(|_| not::<Self>(text))?;
        Ok(Self((!duration.is_zero()).then_some(duration)))
    }

    fn show(&self) -> Json {
        self.0.map_or_else(|| json!("off"), |duration| Scalar::show(&duration))
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// A number of bytes, written `256KiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// Returns a size of `n` kibibytes.
    pub const fn kib(n: u32) -> Self {
        Self(n as u64 * 1024)
    }

    /// Returns the number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
            .into_iter()
            .find(|(_, size)| self.0 > 0 && self.0.is_multiple_of(*size));
        match unit {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Scalar for Size {
    const EXPECTED: &'static str = "a size such as 512KiB or 1MiB";

    fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = split_unit(text);
        let bytes: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "kb" => 1000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            _ => return Err(not::<Self>(text)),
        };
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(bytes))
            .map(Self)
            .ok_or_else(|| not::<Self>(text))
    }

    fn show(&self) -> Json {
        json!(self.to_string())
    }
}
