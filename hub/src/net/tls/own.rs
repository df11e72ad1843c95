//! The certificate the hub issues to itself, for the names and addresses by which the home reaches it.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use super::authority::{Authority, KEPT, is_of_home};
use super::{TlsError, certified, read};
use crate::files::{create_private_dir, write_private};

const DAY: Duration = Duration::from_secs(86_400);
/// What browsers accept at most.
const LIFETIME: Duration = Duration::from_secs(397 * 86_400);
/// Renewed when less than this is left.
const MARGIN: Duration = Duration::from_secs(30 * 86_400);
/// Names every hub has; configured and present ones are added.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "kairos.local"];
/// Chain and key, mode 0600.
pub(super) const IDENTITY: &str = "identity.pem";

/// The certificate that is kept, while it is good for these names; else a new one.
pub(super) fn obtain(
    directory: &Path,
    configured: &[String],
    present: &[String],
    now: u64,
) -> Result<CertifiedKey, TlsError> {
    let mut names: Vec<String> = NAMES.iter().map(ToString::to_string).collect();
    if let Some(wrong) = configured.iter().find(|name| ServerName::try_from(name.as_str()).is_err()) {
        return Err(TlsError::Name(wrong.clone()));
    }
    let usable = |name: &&String| is_of_home(name) && ServerName::try_from(name.as_str()).is_ok();
    for name in configured.iter().chain(present.iter().filter(usable)) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let path = directory.join(IDENTITY);
    let kept = match read(&path) {
        Ok(pem) => Some(certified(&pem, &pem).map_err(|reason| TlsError::Unusable { path: path.clone(), reason })?),
        Err(TlsError::File { source, .. }) if source.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let authority = match Authority::load(directory)? {
        Some(authority) => authority,
        None => Authority::make(directory, configured)?,
    };
    authority.show(directory)?;
    if let Some(kept) = kept
        && covers(&kept, &names)
        && lasts(&kept, &authority.certificate, now)
    {
        return Ok(kept);
    }
    let issued = issue(&authority, &names, now)?;
    let is_good = |chain: &str, authority: &Authority| {
        certified(chain.as_bytes(), chain.as_bytes()).is_ok_and(|key| lasts(&key, &authority.certificate, now))
    };
    let issued = if is_good(&issued, &authority) {
        issued
    } else if configured.iter().all(|name| is_of_home(name)) {
        // Whatever is the matter with it, phones trust it: it is never replaced for them to find out.
        let reason = "what it issues is not valid; is it the one this hub made?".to_owned();
        return Err(TlsError::Unusable { path: directory.join(KEPT), reason });
    } else {
        // It may not vouch for a name that came into the settings since. Nobody else may, either.
        tracing::warn!(
            "The settings name the hub in a way its certificate authority may not vouch for; a new one was made, which phones \
             and devices have to trust anew."
        );
        issue(&Authority::make(directory, configured)?, &names, now)?
    };
    create_private_dir(directory)
        .and_then(|()| write_private(&path, issued.as_bytes()))
        .map_err(|source| TlsError::File { path: path.clone(), source })?;
    certified(issued.as_bytes(), issued.as_bytes()).map_err(|reason| TlsError::Unusable { path, reason })
}

/// A new certificate with its authority's and its key, PEM.
fn issue(authority: &Authority, names: &[String], now: u64) -> Result<String, TlsError> {
    let failed = |error: rcgen::Error| TlsError::Setup(error.to_string());
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(names).map_err(failed)?;
    // A day earlier, for clients whose clock is behind ours.
    let from = UNIX_EPOCH + Duration::from_millis(now).saturating_sub(DAY);
    params.not_before = from.into();
    params.not_after = (from + LIFETIME).into();
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Kairos Hub");
    let certificate = params.signed_by(&key, &authority.issuer).map_err(failed)?;
    Ok(format!("{}{}{}", certificate.pem(), authority.pem, key.serialize_pem()))
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

/// True when a client that trusts the authority takes the certificate now, and still will after the margin.
fn lasts(key: &CertifiedKey, authority: &CertificateDer<'static>, now: u64) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    let Some(certificate) = key.cert.first().and_then(|der| ParsedCertificate::try_from(der).ok()) else {
        return false;
    };
    if roots.add(authority.clone()).is_err() {
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
