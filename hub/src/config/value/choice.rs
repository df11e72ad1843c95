//! Settings that are one word out of a few.

use serde_json::{Value as Json, json};

use super::{Scalar, not, quoted};

/// Declares an enum whose words are the only ones allowed; `later` words are planned and say so.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $expected:literal, default $default:ident,
     { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }, later [$($later:literal),*]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Returns the word that stands in the file.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        }

        impl Scalar for $name {
            const EXPECTED: &'static str = $expected;

            fn parse(text: &str) -> Result<Self, String> {
                match text.to_ascii_lowercase().as_str() {
                    $($word => Ok(Self::$variant),)+
                    $($later => Err(format!("{} is not available yet; write {}", quoted(text), $expected)),)*
                    _ => Err(not::<Self>(text)),
                }
            }

            fn show(&self) -> Json {
                json!(self.as_str())
            }
        }
    };
}

choice!(
    /// Whose MQTT broker is used.
    MqttMode, "embedded", default Embedded,
    {
        /// The one inside the hub.
        Embedded = "embedded",
    }, later ["external"]
);

choice!(
    /// Where certificates come from.
    TlsMode, "auto, files or off", default Auto,
    {
        /// The hub makes and renews its own.
        Auto = "auto",
        /// `tls.cert` and `tls.key`.
        Files = "files",
        /// Nothing is encrypted.
        Off = "off",
    }, later []
);

choice!(
    /// Who checks passwords.
    AuthProvider, "local or pocketbase", default Local,
    {
        /// The hub itself.
        Local = "local",
        /// A PocketBase, under `auth.pocketbase`.
        PocketBase = "pocketbase",
    }, later ["oidc"]
);

choice!(
    /// How important a message must be to be written.
    LogLevel, "error, warn, info, debug or trace", default Info,
    {
        /// Needs a person.
        Error = "error",
        /// Something works less well.
        Warn = "warn",
        /// The hub's life.
        Info = "info",
        /// Every event.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }, later []
);

choice!(
    /// For whom messages are written.
    LogFormat, "text or json", default Text,
    {
        /// One line for a person.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }, later []
);
