//! Reaching the server's database: connect, bring its schema up to date where we may, and take on the hub's own role.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{Migrate as _, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqlSafeStr as _};

use super::fault::Fault;
use super::wire::SCHEMA;
use crate::config;
use crate::files::read_secret;

/// How long a server may take to let us in.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to bring its schema up to date.
const MAKING: Duration = Duration::from_secs(60);
/// The role that may do what a hub does, and nothing else.
const ROLE: &str = "kairos_hub";
/// Where the versions of the schema are noted.
const VERSIONS: &str = "_sqlx_migrations";

/// Every migration of the server's schema. A published one is never changed; a new one goes to the end.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "spine", include_str!("../../../deploy/postgres/migrations/0001_spine.sql")),
    (2, "tables", include_str!("../../../deploy/postgres/migrations/0002_tables.sql")),
    (3, "households", include_str!("../../../deploy/postgres/migrations/0003_households.sql")),
    (4, "identities", include_str!("../../../deploy/postgres/migrations/0004_identities.sql")),
    (5, "clocks", include_str!("../../../deploy/postgres/migrations/0005_clocks.sql")),
    (6, "collecting", include_str!("../../../deploy/postgres/migrations/0006_collecting.sql")),
];

/// Where a server is. No `Debug`: the address holds a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Such as `postgres://user:password@host/database`.
    pub url: String,
    /// Authorities in PEM; with them the server has to show a certificate of one of them.
    pub ca: Option<String>,
}

impl Target {
    /// The one of the settings, if they name one.
    ///
    /// # Errors
    /// Why a file cannot be read: the authorities', or the address's.
    pub(crate) fn configured(settings: &config::Upstream) -> io::Result<Option<Self>> {
        let url = match (&settings.url, &settings.url_file) {
            (Some(url), _) => url.expose().to_owned(),
            (None, Some(file)) => read_secret(file, "upstream.url_file").map_err(io::Error::other)?,
            (None, None) => return Ok(None),
        };
        let ca = settings.ca.as_deref().map(std::fs::read_to_string).transpose()?;
        Ok(Some(Self { url, ca }))
    }
}

/// How to connect there.
///
/// # Errors
/// [`Fault::WrongService`] when it is no address of a database.
pub(super) fn options(target: &Target) -> Result<PgConnectOptions, Fault> {
    let options = address(&target.url)?;
    Ok(match &target.ca {
        Some(ca) => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert_from_pem(ca.clone().into_bytes()),
        None => options,
    })
}

/// Reads an address.
pub(super) fn address(url: &str) -> Result<PgConnectOptions, Fault> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("postgres" | "postgresql")) {
        return Err(Fault::WrongService("the address begins with postgres://".into()));
    }
    let options = PgConnectOptions::from_str(url).map_err(Fault::from)?;
    // Nobody waits for ever: not for a lock, not for a statement that found no end.
    let bounds =
        [("lock_timeout", "10s"), ("statement_timeout", "120s"), ("idle_in_transaction_session_timeout", "60s")];
    Ok(options.application_name("kairos-hub").options(bounds))
}

/// The address as it may be shown: without a password.
pub(super) fn shown(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    format!("postgres://{}@{}:{}/{database}", options.get_username(), options.get_host(), options.get_port())
}

/// Connects, sees to the schema, and takes on the hub's role.
pub(super) async fn open(options: &PgConnectOptions) -> Result<PgConnection, Fault> {
    let mut connection = reach(options).await?;
    let work = async {
        see_to_schema(&mut connection).await?;
        become_hub(&mut connection).await
    };
    tokio::time::timeout(MAKING, work).await.map_err(|_| Fault::silent())??;
    Ok(connection)
}

/// Connects and looks whether a hub could work there; changes nothing. `None`: nothing of ours is there yet, and this login
/// may make it.
pub(super) async fn look(options: &PgConnectOptions) -> Result<Option<PgConnection>, Fault> {
    let mut connection = reach(options).await?;
    match version(&mut connection).await? {
        version if version > newest() => return Err(Fault::TooNew),
        0 => {
            let sql = "SELECT has_database_privilege(current_database(), 'CREATE')";
            let may: bool = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
            return if may { Ok(None) } else { Err(too_old(0, "it may make nothing in that database")) };
        }
        version if version < newest() => {
            let sql = format!("SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = '{SCHEMA}'");
            let may: Option<bool> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(&mut connection).await?;
            if may != Some(true) {
                return Err(too_old(version, "it is not the owner"));
            }
        }
        _ => {}
    }
    become_hub(&mut connection).await?;
    Ok(Some(connection))
}

async fn reach(options: &PgConnectOptions) -> Result<PgConnection, Fault> {
    let quiet = options.clone().disable_statement_logging();
    let connecting = tokio::time::timeout(PATIENCE, quiet.connect());
    Ok(connecting.await.map_err(|_| Fault::Unreachable("it does not answer".into()))??)
}

async fn become_hub(connection: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query(AssertSqlSafe(format!("SET ROLE {ROLE}"))).execute(connection).await?;
    Ok(())
}

/// Hears of changes that others make.
pub(super) async fn listen(options: &PgConnectOptions) -> Result<PgListener, Fault> {
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_lazy_with(options.clone());
    let listening = async {
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen("kairos").await?;
        Ok(listener)
    };
    tokio::time::timeout(PATIENCE, listening).await.map_err(|_| Fault::silent())?
}

/// Whether the line on which the server is heard still stands.
pub(super) async fn is_heard(listener: &mut PgListener) -> Result<(), Fault> {
    let asked = tokio::time::timeout(PATIENCE, sqlx::query("SELECT 1").execute(listener));
    asked.await.map_err(|_| Fault::silent())??;
    Ok(())
}

/// The version that this hub needs.
fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// The version that is there; 0: nothing of ours is.
async fn version(connection: &mut PgConnection) -> Result<i64, Fault> {
    let sql = format!("SELECT to_regclass('{SCHEMA}.{VERSIONS}') IS NOT NULL");
    let is_there: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
    if !is_there {
        return Ok(0);
    }
    let sql = format!("SELECT coalesce(max(version), 0) FROM {SCHEMA}.{VERSIONS} WHERE success");
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await?)
}

fn too_old(version: i64, why: &str) -> Fault {
    let needed = newest();
    Fault::TooOld(format!(
        "it has version {version}, this hub needs {needed}, and this login may not bring it up to date ({why})"
    ))
}

async fn see_to_schema(connection: &mut PgConnection) -> Result<(), Fault> {
    let version = version(connection).await?;
    if version > newest() {
        return Err(Fault::TooNew);
    }
    if version == newest() {
        return Ok(());
    }
    match migrate(connection).await {
        Err(Fault::Refused(why)) => Err(too_old(version, &why)),
        other => other,
    }
}

/// Brings the schema up to date; several hubs at once wait for each other.
async fn migrate(connection: &mut PgConnection) -> Result<(), Fault> {
    let all = MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, AssertSqlSafe(*sql).into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(all.collect());
    migrator.dangerous_set_table_name(format!("{SCHEMA}.{VERSIONS}"));
    // Before the lock is taken two may make it at once, of which one hears that it is there.
    alone(connection, format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}")).await?;
    migrator.run_direct(None, connection, false).await?;
    // Two that grant the same at once hear of a tuple that was concurrently updated.
    let grant = format!("GRANT USAGE ON SCHEMA {SCHEMA} TO {ROLE}; GRANT SELECT ON {SCHEMA}.{VERSIONS} TO {ROLE}");
    alone(connection, grant).await
}

/// Runs statements while no other hub changes the schema.
async fn alone(connection: &mut PgConnection, sql: String) -> Result<(), Fault> {
    connection.lock().await?;
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await;
    connection.unlock().await?;
    done?;
    Ok(())
}
