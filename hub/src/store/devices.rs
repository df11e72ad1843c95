//! Credentials of devices: only hashes are stored.

use std::collections::HashMap;

use kairos_core::Millis;
use kairos_core::ids::DeviceId;
use rusqlite::OptionalExtension;

use super::Store;
use super::error::StoreError;
use super::reader::Snapshot;
use super::tx::Tx;

impl Store {
    /// Notes when devices were last here.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub async fn devices_seen(&self, seen: HashMap<DeviceId, Millis>) -> Result<(), StoreError> {
        self.write(move |tx| seen.iter().try_for_each(|(device, at)| tx.device_seen(device, *at))).await
    }
}

impl Tx<'_> {
    /// Stores the hash of a device's secret.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn put_device_secret(&mut self, device: &DeviceId, hash: &[u8]) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO device_secrets (device_id, secret_hash, rotated_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (device_id) DO UPDATE SET secret_hash = excluded.secret_hash, rotated_at = excluded.rotated_at",
            )?
            .execute((device.as_str(), hash, self.now))?;
        Ok(())
    }

    /// Removes a device's secret and what stands on its topics.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn forget_device(&mut self, device: &DeviceId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM device_secrets WHERE device_id = ?1")?
            .execute([device.as_str()])?;
        self.connection
            .prepare_cached("DELETE FROM retained WHERE substr(topic, 1, length(?1)) = ?1")?
            .execute([format!("kairos/device/{device}/")])?;
        Ok(())
    }

    /// Notes that a device was here.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn device_seen(&mut self, device: &DeviceId, at: Millis) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE device_secrets SET last_seen_at = ?2 WHERE device_id = ?1")?
            .execute((device.as_str(), at))?;
        Ok(())
    }
}

impl Snapshot<'_> {
    /// The hash of a device's secret.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn device_secret(&self, device: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT secret_hash FROM device_secrets WHERE device_id = ?1")?
            .query_row([device], |row| row.get(0))
            .optional()?)
    }

    /// The device a secret's hash belongs to.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn device_of_secret(&self, hash: &[u8]) -> Result<Option<String>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT device_id FROM device_secrets WHERE secret_hash = ?1")?
            .query_row([hash], |row| row.get(0))
            .optional()?)
    }

    /// When a device was last here.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn device_last_seen(&self, device: &str) -> Result<Option<Millis>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT last_seen_at FROM device_secrets WHERE device_id = ?1")?
            .query_row([device], |row| row.get(0))
            .optional()?
            .flatten())
    }
}
