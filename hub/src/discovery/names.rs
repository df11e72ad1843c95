//! The names the hub goes by in the network, and what they become when somebody else has them.

/// The names in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    host: u32,
    instance: u32,
}

impl Default for Names {
    fn default() -> Self {
        Self { host: 1, instance: 1 }
    }
}

impl Names {
    /// Returns the host name without a final dot: `kairos.local`, or `kairos-2.local` where that was taken.
    pub fn host(&self) -> String {
        match self.host {
            1 => "kairos.local".to_owned(),
            n => format!("kairos-{n}.local"),
        }
    }

    /// Returns the name under which people see the hub in a list: `Kairos Hub`, or `Kairos Hub (2)`.
    pub fn instance(&self) -> String {
        match self.instance {
            1 => "Kairos Hub".to_owned(),
            n => format!("Kairos Hub ({n})"),
        }
    }

    /// Returns the host name to try after this one.
    pub(super) fn next_host(&self) -> String {
        Self { host: self.host.saturating_add(1), ..*self }.host()
    }

    /// Takes over a name that the mDNS daemon gave itself on some interface, host or instance.
    ///
    /// Returns whether that was news: numbers only grow, so that interfaces which settle on different ones agree.
    pub(super) fn adopt(&mut self, new_name: &str) -> bool {
        let (number, own) = if let Some(rest) = new_name.strip_prefix("kairos-") {
            (rest.split('.').next(), &mut self.host)
        } else if let Some(rest) = new_name.strip_prefix("Kairos Hub (") {
            (rest.split(')').next(), &mut self.instance)
        } else {
            return false;
        };
        let Some(number) = number.and_then(|number| number.parse::<u32>().ok()) else {
            return false;
        };
        let news = number > *own;
        *own = number.max(*own);
        news
    }
}
