//! The hub's certificate: made, kept, renewed and served.
//!
//! Unless somebody else brings the files, the hub is its own authority ([`authority`]) and issues a certificate for the
//! names and addresses by which the home reaches it ([`own`]). A running hub renews without a restart: [`Tls::refresh`]
//! swaps the certificate under the listeners.

mod authority;
mod own;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Issued by the hub's own authority, kept in `directory`.
    Own {
        /// The folder that holds both; made with mode 0700.
        directory: PathBuf,
        /// Host names or addresses from the settings: the certificate has them, whatever they are.
        names: Vec<String>,
    },
    /// PEM files somebody else renews.
    Files {
        /// The chain, leaf first.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
}

/// Why there is no usable certificate; each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("Cannot use {path}: {}.", crate::files::in_words(source))]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system answered.
        #[source]
        source: std::io::Error,
    },
    /// A file is there but holds no matching certificate and key.
    #[error("{path} holds no usable certificate and key ({reason}). Repair it, or remove it to get a new one.")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A configured name cannot stand in a certificate.
    #[error("\"{0}\" is not a host name or an address.")]
    Name(String),
    /// Making a certificate or the configuration did not work.
    #[error("Cannot set up TLS: {0}.")]
    Setup(String),
}

/// The certificate in use. Acceptors made from it follow its renewals.
#[derive(Debug)]
pub struct Tls {
    source: Source,
    /// The names and addresses by which the home reaches the hub just now.
    present: RwLock<Vec<String>>,
    current: Arc<Current>,
}

/// What people and devices are asked to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Its certificate, DER.
    pub certificate: CertificateDer<'static>,
    /// Its SHA-256 as people compare it: upper-case pairs with colons.
    pub fingerprint: String,
}

#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

impl Current {
    fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}

impl Tls {
    /// Loads the certificate, or makes one when it is ours to make. `now` is unix milliseconds.
    ///
    /// # Errors
    ///
    /// When files cannot be read or written, or hold something else than a certificate and its key.
    pub fn load(source: Source, now: u64) -> Result<Self, TlsError> {
        let key = obtain(&source, &[], now)?;
        Ok(Self { source, present: RwLock::default(), current: Arc::new(Current(RwLock::new(Arc::new(key)))) })
    }

    /// Takes the names and addresses by which the home reaches the hub now; the next [`Tls::refresh`] has them. What the
    /// authority may not vouch for is left out.
    pub fn set_present(&self, names: Vec<String>) {
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// Renews our own certificate when it is due or lacks a name, or reads the given files again. True when it changed.
    ///
    /// # Errors
    ///
    /// As [`Tls::load`]; the certificate in use stays.
    pub fn refresh(&self, now: u64) -> Result<bool, TlsError> {
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner).clone();
        let key = obtain(&self.source, &present, now)?;
        let changed = key.cert != self.current.get().cert;
        if changed {
            self.current.set(key);
        }
        Ok(changed)
    }

    /// The hub's own authority, which stands last in its chain; `None` where somebody else brings the files.
    #[must_use]
    pub fn authority(&self) -> Option<Authority> {
        let Source::Own { .. } = self.source else { return None };
        let certificate = self.current.get().cert.last()?.clone();
        Some(Authority { fingerprint: fingerprint(&certificate), certificate })
    }

    /// An acceptor that offers these protocols (`http/1.1` for https, none for MQTT).
    ///
    /// TLS 1.3 only, unless `older` adds 1.2 for devices that know no better.
    ///
    /// # Errors
    ///
    /// When the cryptography refuses the protocol versions, which would be a fault of the build.
    pub fn acceptor(&self, protocols: &[&str], older: bool) -> Result<TlsAcceptor, TlsError> {
        let versions: &[_] =
            if older { &[&rustls::version::TLS13, &rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .map_err(|e| TlsError::Setup(e.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        // Two tickets a connection and a cache of 256 sessions are memory a hub does not need.
        config.send_tls13_tickets = 1;
        config.session_storage = rustls::server::ServerSessionMemoryCache::new(32);
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// SHA-256 of the certificate in use as people compare it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.current.get().cert.first().map(fingerprint).unwrap_or_default()
    }

    /// The certificate as DER, leaf first, as clients see it.
    #[must_use]
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.current.get().cert.clone()
    }
}

/// SHA-256 as people compare it: upper-case pairs with colons.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let mut text = String::with_capacity(95);
    for (n, byte) in Sha256::digest(certificate).iter().enumerate() {
        let _ = write!(text, "{}{byte:02X}", if n == 0 { "" } else { ":" });
    }
    text
}

fn obtain(source: &Source, present: &[String], now: u64) -> Result<CertifiedKey, TlsError> {
    match source {
        Source::Files { certificate, key } => {
            let chain = read(certificate)?;
            let secret = read(key)?;
            certified(&chain, &secret).map_err(|reason| TlsError::Unusable { path: certificate.clone(), reason })
        }
        Source::Own { directory, names } => own::obtain(directory, names, present, now),
    }
}

fn certified(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| format!("the certificate cannot be parsed: {e}"))?;
    if chain.is_empty() {
        return Err("there is no certificate in it".into());
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| format!("the key cannot be parsed: {e}"))?;
    CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => "the key belongs to another certificate".to_string(),
        error => error.to_string(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
