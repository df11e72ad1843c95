//! The hub's signing keys, and the rule by which they follow each other.
//!
//! They stand in `keys.json` (mode 0600) beside the database and not in it: a backup is a copy of the
//! database and travels to other disks, and whoever finds one must not be able to sign as this hub.
//! Losing the file costs little: new keys are made, and every device gets a new access token with the
//! refresh token it has.
//!
//! The rule: a key serves 90 days. Its successor is published an hour before its first use, because
//! those who verify our tokens keep our keys that long; a key is kept 16 minutes after its last use,
//! because its last token lives 15.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kairos_core::Millis;
use ring::aead;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::secret;

const MINUTE: Millis = 60_000;
/// How long a key signs.
const SERVES: Millis = 90 * 24 * 60 * MINUTE;
/// How long a key is published before it signs.
const PUBLISHED_BEFORE: Millis = 60 * MINUTE;
/// How long a key is kept after it signed last.
const KEPT_AFTER: Millis = 16 * MINUTE;

/// One key pair. No `Debug`: it holds the private key.
#[derive(Clone, Serialize, Deserialize)]
pub struct Key {
    /// The RFC 7638 thumbprint of the public key.
    pub kid: String,
    /// The public key, 32 bytes as base64url.
    pub x: String,
    /// The private key, PKCS #8 as base64url.
    pkcs8: String,
    /// When it was first published.
    published_at: Millis,
    /// When it signs first.
    used_from: Millis,
}

impl Key {
    fn make(published_at: Millis, used_from: Millis) -> Option<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).ok()?;
        let x = secret::encode(pair.public_key().as_ref());
        Some(Self { kid: thumbprint(&x), x, pkcs8: secret::encode(document.as_ref()), published_at, used_from })
    }

    /// The private key as PKCS #8.
    pub(super) fn pkcs8(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(&self.pkcs8).ok()
    }

    fn is_whole(&self) -> bool {
        let pair = self.pkcs8().and_then(|der| Ed25519KeyPair::from_pkcs8(&der).ok());
        pair.is_some_and(|pair| secret::encode(pair.public_key().as_ref()) == self.x) && thumbprint(&self.x) == self.kid
    }
}

/// RFC 7638: the hash of the key's required members in their canonical order.
fn thumbprint(x: &str) -> String {
    secret::encode(&Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes()))
}

/// The keys by first use, the oldest first: one that signs, at most one to come, and those lately retired.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Ring {
    /// What refresh tokens are derived with.
    refresh_secret: String,
    keys: Vec<Key>,
}

impl Ring {
    /// The key that signs: the latest whose time has come. When the clock was set back before all of
    /// them, the oldest.
    fn signs(&self, now: Millis) -> Option<usize> {
        self.keys.iter().rposition(|key| key.used_from <= now).or(if self.keys.is_empty() { None } else { Some(0) })
    }

    /// Does what is due. Gives whether anything changed.
    fn advance(&mut self, now: Millis) -> bool {
        let before = self.keys.len();
        let Some(current) = self.signs(now) else {
            // Nobody has heard of any key of ours: there is nothing to wait for.
            self.keys.extend(Key::make(now, now));
            return !self.keys.is_empty();
        };
        let is_last = current + 1 == self.keys.len();
        let made = is_last
            && self.keys.get(current).is_some_and(|key| now >= key.used_from.saturating_add(SERVES))
            && Key::make(now, now.saturating_add(PUBLISHED_BEFORE)).map(|key| self.keys.push(key)).is_some();
        let retired = (1..self.keys.len())
            .take_while(|next| self.keys.get(*next).is_some_and(|key| key.used_from.saturating_add(KEPT_AFTER) <= now))
            .count();
        self.keys.drain(..retired);
        made || self.keys.len() != before
    }
}

/// The keys, on disk and in memory.
pub struct Keys {
    path: PathBuf,
    ring: RwLock<Ring>,
}

/// Why the keys cannot be used, for whoever started the hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Cannot use {path}: {what}.")]
pub struct KeysError {
    path: String,
    what: String,
}

impl Keys {
    /// Reads the keys of a data directory, making the first on the first start.
    ///
    /// # Errors
    /// [`KeysError`] when the file cannot be read or written, or holds something else.
    pub fn open(data_dir: &Path, now: Millis) -> Result<Self, KeysError> {
        let path = data_dir.join("keys.json");
        let fault = |what: &str| KeysError { path: path.display().to_string(), what: what.to_owned() };
        let mut ring = match std::fs::read(&path) {
            Ok(content) => {
                let ring: Ring = serde_json::from_slice(&content).unwrap_or_default();
                let whole = ring.refresh_secret.len() == 43 && ring.keys.iter().all(Key::is_whole);
                if !whole {
                    return Err(fault(
                        "it does not hold this hub's keys; move it away and new ones are made, nobody has to sign in anew",
                    ));
                }
                ring
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ring { refresh_secret: secret::mint(""), keys: Vec::new() }
            }
            Err(error) => return Err(fault(&error.to_string())),
        };
        ring.advance(now);
        // Written also when nothing changed: the file gets mode 0600, whatever was made of it.
        save(&path, &ring).map_err(|error| fault(&error.to_string()))?;
        Ok(Self { path, ring: RwLock::new(ring) })
    }

    /// Makes and retires keys as their time comes. A new key is on the disk before anybody sees it.
    ///
    /// # Errors
    /// What the disk said; the keys stay as they were, and the next call tries again.
    pub fn advance(&self, now: Millis) -> std::io::Result<()> {
        let mut next = self.ring.read().unwrap_or_else(PoisonError::into_inner).clone();
        if next.advance(now) {
            save(&self.path, &next)?;
            *self.ring.write().unwrap_or_else(PoisonError::into_inner) = next;
        }
        Ok(())
    }

    /// The key that signs now.
    #[must_use]
    pub fn signing(&self, now: Millis) -> Option<Key> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.signs(now).and_then(|n| ring.keys.get(n)).cloned()
    }

    /// The key of that name, if it is one of ours.
    #[must_use]
    pub fn named(&self, kid: &str) -> Option<Key> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).keys.iter().find(|key| key.kid == kid).cloned()
    }

    /// The public keys as a JSON Web Key Set.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = ring
            .keys
            .iter()
            .map(|key| {
                serde_json::json!({
                    "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": key.x,
                })
            })
            .collect();
        serde_json::json!({ "keys": keys })
    }

    /// The refresh token that follows another: the same however often it is asked for, and known to
    /// nobody who lacks this hub's secret.
    #[must_use]
    pub fn successor(&self, refresh_token: &str) -> String {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, ring.refresh_secret.as_bytes());
        let tag = ring::hmac::sign(&key, format!("refresh|{refresh_token}").as_bytes());
        format!("{}{}", secret::REFRESH_TOKEN, secret::encode(tag.as_ref()))
    }

    /// Seals a text for the database, so that a copy of the database does not give it away. It opens again only in the
    /// same context: a sealed text that is moved to another row opens nothing.
    #[must_use]
    pub fn seal(&self, context: &str, text: &str) -> Option<Vec<u8>> {
        let nonce = crate::random::bytes::<{ aead::NONCE_LEN }>();
        let mut sealed = text.as_bytes().to_vec();
        let aad = aead::Aad::from(context.as_bytes());
        self.sealing()?.seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aad, &mut sealed).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Keys::seal`] sealed; `None` when it was sealed with other keys, or is something else.
    #[must_use]
    pub fn open_sealed(&self, context: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, sealed) = sealed.split_at_checked(aead::NONCE_LEN)?;
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = sealed.to_vec();
        let text = self.sealing()?.open_in_place(nonce, aead::Aad::from(context.as_bytes()), &mut text).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }

    /// A key for this one purpose. Its nonces are random, and far fewer than would make two of them equal.
    fn sealing(&self) -> Option<aead::LessSafeKey> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, ring.refresh_secret.as_bytes());
        let key = ring::hmac::sign(&key, b"seal|identities");
        aead::UnboundKey::new(&aead::CHACHA20_POLY1305, key.as_ref()).ok().map(aead::LessSafeKey::new)
    }
}

fn save(path: &Path, ring: &Ring) -> std::io::Result<()> {
    let content = serde_json::to_vec_pretty(ring).map_err(std::io::Error::other)?;
    crate::files::write_private(path, &content)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const T: Millis = 1_795_514_400_000;

    fn kids(keys: &Keys) -> Vec<String> {
        let jwks = keys.jwks();
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    /// The example of RFC 8037, appendix A.3.
    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn a_key_is_published_an_hour_before_it_signs_and_kept_16_minutes_after() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(dir.path(), T).unwrap();
        let first = keys.signing(T).unwrap().kid;
        let end = T + SERVES;
        keys.advance(end - 1).unwrap();
        assert_eq!(kids(&keys), std::slice::from_ref(&first));
        keys.advance(end).unwrap();
        let both = kids(&keys);
        assert_eq!(both.len(), 2);
        assert_eq!(keys.signing(end + PUBLISHED_BEFORE - 1).unwrap().kid, first, "not yet used");
        let second = keys.signing(end + PUBLISHED_BEFORE).unwrap().kid;
        assert_eq!(second, both[1]);
        keys.advance(end + PUBLISHED_BEFORE + KEPT_AFTER - 1).unwrap();
        assert!(keys.named(&first).is_some(), "its last token may still live");
        keys.advance(end + PUBLISHED_BEFORE + KEPT_AFTER).unwrap();
        assert_eq!(kids(&keys), std::slice::from_ref(&second));
        // And all of it is still so after a restart, also with the clock ten years back.
        let again = Keys::open(dir.path(), end + PUBLISHED_BEFORE + KEPT_AFTER).unwrap();
        assert_eq!(kids(&again), std::slice::from_ref(&second));
        assert_eq!(again.successor("krr_x"), keys.successor("krr_x"));
        assert_eq!(again.signing(T - SERVES).unwrap().kid, second);
    }

    #[test]
    fn what_is_sealed_opens_here_and_in_its_place_only() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let keys = Keys::open(dir.path(), T).unwrap();
        let sealed = keys.seal("pocketbase|ada", "a token").unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"a token"));
        assert_ne!(sealed, keys.seal("pocketbase|ada", "a token").unwrap());
        let again = Keys::open(dir.path(), T).unwrap();
        assert_eq!(again.open_sealed("pocketbase|ada", &sealed).as_deref(), Some("a token"));
        assert_eq!(again.open_sealed("pocketbase|bo", &sealed), None);
        assert_eq!(Keys::open(other.path(), T).unwrap().open_sealed("pocketbase|ada", &sealed), None);
        assert_eq!((again.open_sealed("", b"short"), again.open_sealed("", &[0; 12])), (None, None));
    }

    #[test]
    fn the_file_is_private_and_one_that_is_not_ours_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        drop(Keys::open(dir.path(), T).unwrap());
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        drop(Keys::open(dir.path(), T).unwrap());
        assert_eq!(mode(), 0o600, "mended at the next start");
        for content in ["", "{}", "not json"] {
            std::fs::write(&path, content).unwrap();
            let error = Keys::open(dir.path(), T).err().unwrap().to_string();
            assert!(error.contains("keys.json") && error.contains("move it away"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content, "nothing was changed");
        }
    }
}
