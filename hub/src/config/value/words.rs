//! Words with rules of their own: secrets, names and networks.

use std::fmt;
use std::net::IpAddr;

use serde_json::{Value as Json, json};

use super::{Scalar, not, quoted};

/// Text that never leaves the process: not in messages, not in logs, not in `config show`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(********)")
    }
}

impl Scalar for Secret {
    const EXPECTED: &'static str = "6 to 64 letters, digits or hyphens";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let fits = (6..=64).contains(&text.len());
        if !fits || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(not::<Self>(text));
        }
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> Json {
        json!("********")
    }
}

/// The address of a database, which holds a password: shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Returns the address, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(********)")
    }
}

impl Scalar for DatabaseUrl {
    const EXPECTED: &'static str = "an address such as postgres://hub:password@db.example.org/kairos";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("postgres" | "postgresql", rest)) if !rest.is_empty() => Ok(Self(text.to_owned())),
            _ => Err(not::<Self>(text)),
        }
    }

    fn show(&self) -> Json {
        json!("********")
    }
}

/// The address of a web server, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUrl(String);

impl WebUrl {
    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scalar for WebUrl {
    const EXPECTED: &'static str = "an address such as http://127.0.0.1:8090 or https://accounts.example.org";
    // Somebody may write a password into it; it has no place here and is not repeated.
    const SECRET: bool = true;
    const BARE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches('/');
        let uri: axum::http::Uri = text.parse().map_err(|_| not::<Self>(text))?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        let plain = uri.authority().is_some_and(|at| !at.as_str().contains('@') && !at.host().is_empty());
        if !known || !plain || uri.query().is_some() || text.contains('#') {
            return Err(not::<Self>(text));
        }
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> Json {
        json!(self.0)
    }
}

/// A mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(String);

impl MailAddress {
    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scalar for MailAddress {
    const EXPECTED: &'static str = "a mail address";
    const BARE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        let halves = text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty());
        if !halves || text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
            return Err(not::<Self>(text));
        }
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> Json {
        json!(self.0)
    }
}

/// A host name as a browser sends it: lower case, no port, no final dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostName(String);

impl HostName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scalar for HostName {
    const EXPECTED: &'static str = "a host name such as habits.example.org, without http:// and without a port";

    fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(not::<Self>(text));
        }
        Ok(Self(name))
    }

    fn show(&self) -> Json {
        json!(self.0)
    }
}

/// The name of a network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scalar for InterfaceName {
    const EXPECTED: &'static str = "the name of a network interface such as eth0 or wlan0";

    fn parse(text: &str) -> Result<Self, String> {
        // Linux bounds a name at 15 bytes; others are shorter.
        if text.is_empty()
            || text.len() > 15
            || text.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control())
        {
            return Err(not::<Self>(text));
        }
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> Json {
        json!(self.0)
    }
}

/// An address, or all addresses that share its first bits: `192.168.1.4`, `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Tells whether `address` is part of the network. IPv4 inside IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                net.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(net), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                net.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        if self.prefix == whole {
            return self.address.fmt(f);
        }
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Scalar for Network {
    const EXPECTED: &'static str = "an address such as 192.168.1.4, or a network such as 10.0.0.0/8";

    fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| not::<Self>(text))?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(whole), |prefix| prefix.parse().map_err(|_| not::<Self>(text)))?;
        if prefix > whole {
            return Err(not::<Self>(text));
        }
        if prefix == 0 {
            return Err(format!("{} would trust every address there is", quoted(text)));
        }
        Ok(Self { address, prefix })
    }

    fn show(&self) -> Json {
        json!(self.to_string())
    }
}
