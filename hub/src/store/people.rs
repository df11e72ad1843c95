//! Accounts, and the code that lets the first one in. Local to this hub, never synced.

use kairos_core::Millis;
use kairos_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension};

use super::error::StoreError;
use super::reader::Snapshot;
use super::tx::Tx;

/// Somebody's account. No `Debug`: it holds a mail address and a password's hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub user: UserId,
    /// The address they sign in with, in lower case.
    pub email: String,
    /// Their password's hash, with its salt and parameters.
    pub password_hash: String,
    /// Whether they administer the hub.
    pub admin: bool,
    /// When it was made.
    pub created_at: Millis,
    /// When it was disabled, if it is.
    pub disabled_at: Option<Millis>,
}

/// The setup code as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredCode {
    /// The code as it is shown.
    pub code: String,
    /// How often it may still be tried.
    pub tries_left: u32,
}

const ACCOUNT: &str = "SELECT user_id, email, password_hash, role, created_at, disabled_at FROM accounts";

fn account(row: &rusqlite::Row<'_>) -> rusqlite::Result<Account> {
    let broken = |_| rusqlite::Error::InvalidColumnType(0, "user_id".into(), rusqlite::types::Type::Text);
    Ok(Account {
        user: UserId::new(row.get::<_, String>(0)?).map_err(broken)?,
        email: row.get(1)?,
        password_hash: row.get(2)?,
        admin: row.get_ref(3)?.as_str()? == "admin",
        created_at: row.get(4)?,
        disabled_at: row.get(5)?,
    })
}

fn account_where(connection: &Connection, column: &str, value: &str) -> Result<Option<Account>, StoreError> {
    Ok(connection.prepare_cached(&format!("{ACCOUNT} WHERE {column} = ?1"))?.query_row([value], account).optional()?)
}

fn setup_code(connection: &Connection) -> Result<Option<StoredCode>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT code, tries_left FROM setup")?
        .query_row([], |row| Ok(StoredCode { code: row.get(0)?, tries_left: row.get(1)? }))
        .optional()?)
}

fn has_admin(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("SELECT 1 FROM accounts WHERE role = 'admin' LIMIT 1")?.exists([])?)
}

fn account_count(connection: &Connection) -> Result<u32, StoreError> {
    Ok(connection.prepare_cached("SELECT count(*) FROM accounts")?.query_row([], |row| row.get(0))?)
}

impl Tx<'_> {
    /// Adds an account.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn add_account(&mut self, new: &Account) -> Result<(), StoreError> {
        let role = if new.admin { "admin" } else { "member" };
        self.came_back(&new.user)?;
        self.connection
            .prepare_cached(
                "INSERT INTO accounts (user_id, email, password_hash, role, created_at, password_changed_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
            )?
            .execute((new.user.as_str(), &new.email, &new.password_hash, role, new.created_at))?;
        Ok(())
    }

    /// A person's account.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        account_where(self.connection, "user_id", user.as_str())
    }

    /// The account with a mail address.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn account_of_email(&self, email: &str) -> Result<Option<Account>, StoreError> {
        account_where(self.connection, "email", email)
    }

    /// How many accounts there are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn account_count(&self) -> Result<u32, StoreError> {
        account_count(self.connection)
    }

    /// Whether anybody administers this hub, disabled or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn has_admin(&self) -> Result<bool, StoreError> {
        has_admin(self.connection)
    }

    /// Disables an account, or enables it again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn set_disabled(&mut self, user: &UserId, disabled_at: Option<Millis>) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE accounts SET disabled_at = ?2 WHERE user_id = ?1")?
            .execute((user.as_str(), disabled_at))?;
        Ok(())
    }

    /// Whether an administrator other than this person could act.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn another_admin(&self, than: &UserId) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT 1 FROM accounts WHERE role = 'admin' AND disabled_at IS NULL AND user_id <> ?1")?
            .exists([than.as_str()])?)
    }

    /// Replaces a password.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn set_password(&mut self, user: &UserId, hash: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE accounts SET password_hash = ?2, password_changed_at = ?3 WHERE user_id = ?1")?
            .execute((user.as_str(), hash, self.now))?;
        Ok(())
    }

    /// The setup code, while there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn setup_code(&self) -> Result<Option<StoredCode>, StoreError> {
        setup_code(self.connection)
    }

    /// Puts a setup code in place of the one before, or takes it away.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn set_setup_code(&mut self, code: Option<&StoredCode>) -> Result<(), StoreError> {
        match code {
            Some(new) => self
                .connection
                .prepare_cached("INSERT OR REPLACE INTO setup (only, code, tries_left) VALUES (1, ?1, ?2)")?
                .execute((&new.code, new.tries_left))?,
            None => self.connection.prepare_cached("DELETE FROM setup")?.execute([])?,
        };
        Ok(())
    }

    /// Remembers under which name of this hub setup was completed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn set_setup_host(&mut self, host: &str) -> Result<(), StoreError> {
        Ok(super::meta::set(self.connection, "setup_host", host)?)
    }
}

impl Snapshot<'_> {
    /// A person's account.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        account_where(self.connection, "user_id", user.as_str())
    }

    /// The account with a mail address.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn account_of_email(&self, email: &str) -> Result<Option<Account>, StoreError> {
        account_where(self.connection, "email", email)
    }

    /// Every account, the oldest first. Their number is bounded when they are made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!("{ACCOUNT} ORDER BY created_at, user_id"))?;
        let found = statement.query_map([], account)?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// The setup code, while there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn setup_code(&self) -> Result<Option<StoredCode>, StoreError> {
        setup_code(self.connection)
    }

    /// The name of this hub under which setup was completed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn setup_host(&self) -> Result<Option<String>, StoreError> {
        Ok(super::meta::get(self.connection, "setup_host")?)
    }
}
