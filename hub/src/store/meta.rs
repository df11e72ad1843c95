//! Who this hub is, and where its clock stood.

use kairos_core::ids;
use rusqlite::{Connection, OptionalExtension};

/// The names of one life of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The hub's id; stays through restores.
    pub hub_id: String,
    /// This life of the database; a restored backup begins a new one.
    pub epoch: String,
    /// The name under which this epoch's clock ticks.
    pub node: String,
}

pub(crate) fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()
}

pub(crate) fn set(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?
        .execute([key, value])
        .map(|_| ())
}

/// Reads the hub's identity, minting what a new database lacks.
pub(crate) fn identity(connection: &Connection, now: kairos_core::Millis) -> rusqlite::Result<Identity> {
    let mint = |key: &str, make: &dyn Fn() -> String| -> rusqlite::Result<String> {
        if let Some(value) = get(connection, key)? {
            return Ok(value);
        }
        let value = make();
        set(connection, key, &value)?;
        Ok(value)
    };
    let id = || ids::mint(now, crate::random::bytes());
    // Eight hexadecimal digits of a random number: short, since it stands in every clock.
    let node = || crate::random::bytes::<4>().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(Identity { hub_id: mint("hub_id", &id)?, epoch: mint("epoch", &id)?, node: mint("node", &node)? })
}
