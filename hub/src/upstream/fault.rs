//! Why the server did not do what it was asked, in words for a person.

use std::io;

/// What is the matter with the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody answers there.
    #[error("Can't reach the server: {0}.")]
    Unreachable(String),
    /// It answers, and shows a certificate that this hub does not trust.
    #[error("The server's certificate is not trusted: {0}.")]
    Untrusted(String),
    /// It answers, and is not what was looked for.
    #[error("There is something else at this address: {0}.")]
    WrongService(String),
    /// It does not let this hub in.
    #[error("The server refused this hub: {0}.")]
    Refused(String),
    /// The code that a server's hub gave is not good.
    #[error("The code is not valid, or not any more. Make a new one on the server's hub.")]
    Code,
    /// Its database is older than this hub needs, and this hub may not bring it up to date.
    #[error("The server's database is of an older version: {0}.")]
    TooOld(String),
    /// Its database is newer than this hub knows.
    #[error("The server's database is of a newer version; please update this hub.")]
    TooNew,
    /// It was set back to an earlier state since we last spoke.
    #[error("The server was set back to an earlier state; this hub brings back what it lacks.")]
    SetBack,
    /// It has rows under ids of ours that belong to somebody else.
    #[error("The server has rows of somebody else under ids of this hub's rows.")]
    Foreign,
    /// It has rows that nobody can read.
    #[error("The server has {0}.")]
    Broken(String),
    /// It is busy with somebody else; again in a moment.
    #[error("The server is busy: {0}.")]
    Busy(String),
    /// Something of ours that should not happen did.
    #[error("Replication came to a stop by a fault of this hub, and begins anew.")]
    Fell,
    /// Our own database did not work.
    #[error("This hub's own database: {0}.")]
    Here(String),
}

/// What the driver makes of a connection that ends where the first byte of an answer was due.
const SILENCE: &str = "SSLRequest: 0x00";

impl Fault {
    pub(super) fn broken(what: &str) -> Self {
        Self::Broken(what.to_owned())
    }

    /// What somebody can do about it, in a sentence.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => {
                "Everything works here and waits for it. Look whether the server runs and whether its address and port are right; \
                 a firewall between may close the port."
            }
            Self::Untrusted(_) => {
                "Name the authority that signed the certificate (upstream.ca, or sslrootcert in the address), or give the server a \
                 certificate for the name in the address."
            }
            Self::WrongService(_) => {
                "Look at the address: it is that of a Postgres database with its name at the end, or that of a server's hub with a code."
            }
            Self::Refused(_) => {
                "Look at the login in the address, and let a superuser of Postgres run deploy/postgres/init/roles.sh."
            }
            Self::Code => {
                "A code is good for an hour and for one house. An administrator of the server's hub makes a new one."
            }
            Self::TooOld(_) => {
                "Connect once with a hub that logs in as the owner of the tables: it brings them up to date. Or apply \
                 deploy/postgres/migrations."
            }
            Self::TooNew => "Install the version of the hub that the newest of the houses has.",
            Self::SetBack | Self::Busy(_) => "Nothing: it passes by itself.",
            Self::Foreign => "Nothing: such rows stay where they are, and stand under Conflicts.",
            Self::Broken(_) => {
                "A row there was changed by hand to something that no hub can read; look at the row that is named and put it right."
            }
            Self::Fell => "The log of the hub says where; please report it. Other people's rows go on.",
            Self::Here(_) => "Look at the disk of this hub: `kairos-hub health` says what is the matter with it.",
        }
    }

    /// That of a server which says nothing for too long.
    pub(super) fn silent() -> Self {
        Self::Unreachable("it does not answer".into())
    }

    /// Whether it is a matter of the line, and not of the one scope that was carried.
    pub(super) fn is_of_the_line(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Untrusted(_) | Self::WrongService(_) | Self::Code | Self::TooOld(_) => true,
            Self::TooNew | Self::Fell => true,
            Self::Refused(_) | Self::SetBack | Self::Foreign | Self::Broken(_) | Self::Busy(_) | Self::Here(_) => false,
        }
    }

    /// Whether it passes by itself in a moment.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::SetBack)
    }
}

impl From<crate::store::StoreError> for Fault {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Here(error.to_string())
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => of_database(database.code().as_deref(), database.message()),
            sqlx::Error::Io(error) => of_io(error),
            sqlx::Error::Tls(error) => Self::Untrusted(sentence(&error.to_string())),
            // It let us in and said nothing: whoever stands before the server does not reach it either.
            sqlx::Error::Protocol(what) if what.contains(SILENCE) => {
                Self::Unreachable("the connection was closed before it said anything".into())
            }
            sqlx::Error::Protocol(what) => Self::WrongService(sentence(what)),
            // It answers, and with what nobody reads.
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => {
                Self::Broken(format!("something that cannot be read ({})", sentence(&error.to_string())))
            }
            sqlx::Error::Configuration(what) => Self::WrongService(sentence(&what.to_string())),
            _ => Self::Unreachable(sentence(&error.to_string())),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Fault {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            sqlx::migrate::MigrateError::VersionMissing(_) => Self::TooNew,
            error => Self::Refused(sentence(&error.to_string())),
        }
    }
}

/// By the code of the error, which does not change with the server's language.
fn of_database(code: Option<&str>, message: &str) -> Fault {
    match code.unwrap_or_default() {
        // Somebody else holds what we need, two of us wait for each other, or somebody was faster.
        "55P03" | "40P01" | "40001" => Fault::Busy(sentence(message)),
        // It is being stopped or started.
        "57P01" | "57P02" | "57P03" | "53300" => Fault::Unreachable(sentence(message)),
        "3D000" | "3F000" => Fault::WrongService(sentence(message)),
        _ => Fault::Refused(sentence(message)),
    }
}

fn of_io(error: &io::Error) -> Fault {
    let text = error.to_string();
    match error.kind() {
        io::ErrorKind::InvalidData => Fault::Untrusted(sentence(&text)),
        io::ErrorKind::ConnectionRefused => Fault::Unreachable("nothing listens at this address".into()),
        io::ErrorKind::TimedOut => Fault::Unreachable("it does not answer".into()),
        _ => Fault::Unreachable(sentence(&text)),
    }
}

/// A part of a sentence, without its end and without line breaks.
fn sentence(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    line.trim_end_matches('.').to_owned()
}
