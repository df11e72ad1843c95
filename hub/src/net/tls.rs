//! The hub's certificate: made, kept, renewed and served.
//!
//! The hub's own certificate and its key stand in one file, so that a crash can never leave one without the other;
//! a copy without the key lies beside it for people who want to look at or trust it. A running hub renews without a
//! restart: [`Tls::refresh`] swaps the certificate under the listeners.

use crate::files::{create_private_dir, write_private};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, UNIX_EPOCH};
use tokio_rustls::TlsAcceptor;

const DAY: Duration = Duration::from_secs(86_400);
/// What browsers accept at most.
const LIFETIME: Duration = Duration::from_secs(397 * 86_400);
/// Renewed when less than this is left.
const MARGIN: Duration = Duration::from_secs(30 * 86_400);
/// Names every hub has; configured ones are added.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "kairos.local"];
/// Certificate and key, mode 0600.
const IDENTITY: &str = "identity.pem";
/// The certificate alone, for people to trust.
const PUBLIC: &str = "certificate.pem";

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Self-signed, kept in `directory`, for the standard names and these.
    Own {
        /// The folder that holds it; made with mode 0700.
        directory: PathBuf,
        /// Further host names or addresses.
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
    current: Arc<Current>,
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
        let key = obtain(&source, now)?;
        Ok(Self { source, current: Arc::new(Current(RwLock::new(Arc::new(key)))) })
    }

    /// Renews our own certificate when it is due, or reads the given files again. True when it changed.
    ///
    /// # Errors
    ///
    /// As [`Tls::load`]; the certificate in use stays.
    pub fn refresh(&self, now: u64) -> Result<bool, TlsError> {
        let key = obtain(&self.source, now)?;
        let changed = key.cert != self.current.get().cert;
        if changed {
            self.current.set(key);
        }
        Ok(changed)
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

    /// SHA-256 of the certificate as people compare it: upper-case pairs with colons.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let key = self.current.get();
        let digest = key.cert.first().map(Sha256::digest).unwrap_or_default();
        let mut text = String::with_capacity(95);
        for (n, byte) in digest.iter().enumerate() {
            let _ = write!(text, "{}{byte:02X}", if n == 0 { "" } else { ":" });
        }
        text
    }

    /// The certificate as DER, leaf first, as clients see it.
    #[must_use]
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.current.get().cert.clone()
    }
}

fn obtain(source: &Source, now: u64) -> Result<CertifiedKey, TlsError> {
    match source {
        Source::Files { certificate, key } => {
            let chain = read(certificate)?;
            let secret = read(key)?;
            certified(&chain, &secret).map_err(|reason| TlsError::Unusable { path: certificate.clone(), reason })
        }
        Source::Own { directory, names } => own(directory, names, now),
    }
}

fn own(directory: &Path, extra: &[String], now: u64) -> Result<CertifiedKey, TlsError> {
    let mut names: Vec<String> = NAMES.iter().map(ToString::to_string).collect();
    for name in extra {
        if ServerName::try_from(name.as_str()).is_err() {
            return Err(TlsError::Name(name.clone()));
        }
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let path = directory.join(IDENTITY);
    match read(&path) {
        Ok(pem) => {
            let key = certified(&pem, &pem).map_err(|reason| TlsError::Unusable { path: path.clone(), reason })?;
            if covers(&key, &names) && lasts(&key, now) {
                return Ok(key);
            }
        }
        Err(TlsError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let (certificate, identity) = make(&names, now).map_err(|e| TlsError::Setup(e.to_string()))?;
    create_private_dir(directory)
        .and_then(|()| write_private(&path, identity.as_bytes()))
        .and_then(|()| write_private(&directory.join(PUBLIC), certificate.as_bytes()))
        .map_err(|source| TlsError::File { path: path.clone(), source })?;
    certified(identity.as_bytes(), identity.as_bytes()).map_err(|reason| TlsError::Unusable { path, reason })
}

/// The certificate alone, and certificate with key, both PEM.
fn make(names: &[String], now: u64) -> Result<(String, String), rcgen::Error> {
    let key = rcgen::KeyPair::generate()?;
    let mut params = rcgen::CertificateParams::new(names)?;
    // A day earlier, for clients whose clock is behind ours.
    let from = (UNIX_EPOCH + Duration::from_millis(now)).checked_sub(DAY).unwrap_or(UNIX_EPOCH);
    params.not_before = from.into();
    params.not_after = (from + LIFETIME).into();
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Kairos Hub");
    let certificate = params.self_signed(&key)?.pem();
    let identity = format!("{certificate}{}", key.serialize_pem());
    Ok((certificate, identity))
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

fn covers(key: &CertifiedKey, names: &[String]) -> bool {
    let Some(certificate) = key.cert.first().and_then(|der| ParsedCertificate::try_from(der).ok()) else {
        return false;
    };
    names.iter().all(|name| {
        ServerName::try_from(name.as_str())
            .is_ok_and(|name| rustls::client::verify_server_name(&certificate, &name).is_ok())
    })
}

/// True when the certificate is valid now and still will be after the margin. It is its own issuer, so it is checked
/// as any client would that trusts it.
fn lasts(key: &CertifiedKey, now: u64) -> bool {
    let Some(der) = key.cert.first() else {
        return false;
    };
    let mut roots = rustls::RootCertStore::empty();
    let Ok(certificate) = ParsedCertificate::try_from(der) else {
        return false;
    };
    if roots.add(der.clone()).is_err() {
        return false;
    }
    let algorithms = default_provider().signature_verification_algorithms.all;
    let now = Duration::from_millis(now);
    [now, now + MARGIN].into_iter().all(|at| {
        rustls::client::verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &roots,
            &[],
            UnixTime::since_unix_epoch(at),
            algorithms,
        )
        .is_ok()
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const NOW: u64 = 1_790_000_000_000;
    const DAY_MS: u64 = 86_400_000;

    fn own_in(directory: &Path, names: &[&str]) -> Source {
        Source::Own { directory: directory.to_owned(), names: names.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn is_made_once_kept_and_renewed_when_due() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("tls");
        let first = Tls::load(own_in(&directory, &[]), NOW).unwrap();
        let again = Tls::load(own_in(&directory, &[]), NOW + 300 * DAY_MS).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        assert_eq!(first.fingerprint().len(), 95);
        assert!(!again.refresh(NOW + 365 * DAY_MS).unwrap(), "31 days are left");
        assert!(again.refresh(NOW + 367 * DAY_MS).unwrap(), "29 days are left");
        assert_ne!(first.fingerprint(), again.fingerprint());
    }

    #[test]
    fn a_clock_that_was_wrong_gets_a_new_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let early = Tls::load(own_in(folder.path(), &[]), 0).unwrap();
        let later = Tls::load(own_in(folder.path(), &[]), NOW).unwrap();
        assert_ne!(early.fingerprint(), later.fingerprint());
        let back = Tls::load(own_in(folder.path(), &[]), NOW - 400 * DAY_MS).unwrap();
        assert_ne!(back.fingerprint(), later.fingerprint());
    }

    #[test]
    fn a_new_name_gets_a_new_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let first = Tls::load(own_in(folder.path(), &[]), NOW).unwrap();
        let named = Tls::load(own_in(folder.path(), &["hub.home.arpa", "192.168.1.9"]), NOW).unwrap();
        assert_ne!(first.fingerprint(), named.fingerprint());
        let fewer = Tls::load(own_in(folder.path(), &["192.168.1.9"]), NOW).unwrap();
        assert_eq!(named.fingerprint(), fewer.fingerprint(), "a name too many does no harm");
        assert!(matches!(Tls::load(own_in(folder.path(), &["not a name"]), NOW), Err(TlsError::Name(_))));
    }

    #[test]
    fn secrets_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("tls");
        Tls::load(own_in(&directory, &[]), NOW).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join(IDENTITY)), 0o600);
        let public = std::fs::read_to_string(directory.join(PUBLIC)).unwrap();
        assert!(!public.contains("PRIVATE"));
    }

    #[test]
    fn a_damaged_file_is_named_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(IDENTITY);
        for content in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, content).unwrap();
            let error = Tls::load(own_in(folder.path(), &[]), NOW).unwrap_err().to_string();
            assert!(error.contains("identity.pem holds no usable certificate"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn given_files_must_match_and_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        Tls::load(own_in(&one, &[]), NOW).unwrap();
        Tls::load(own_in(&two, &[]), NOW).unwrap();
        let files = |certificate: &Path, key: &Path| Source::Files {
            certificate: certificate.join(IDENTITY),
            key: key.join(IDENTITY),
        };
        let tls = Tls::load(files(&one, &one), NOW).unwrap();
        assert!(!tls.refresh(NOW).unwrap());
        std::fs::copy(two.join(IDENTITY), one.join(IDENTITY)).unwrap();
        assert!(tls.refresh(NOW).unwrap());
        std::fs::remove_dir_all(&two).unwrap();
        Tls::load(own_in(&two, &[]), NOW).unwrap();
        let error = Tls::load(files(&one, &two), NOW).unwrap_err().to_string();
        assert!(error.contains("another certificate"), "{error}");
        let error = Tls::load(files(&one, &folder.path().join("three")), NOW).unwrap_err().to_string();
        assert!(error.contains("three"), "{error}");
    }
}
