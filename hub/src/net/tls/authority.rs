//! The hub's own certificate authority, which people trust once.
//!
//! It is bound to the home: its name constraints let it vouch for home names and private addresses, and for the names of
//! the settings, and for nothing else. Whoever steals its key cannot pretend to be anybody's bank.
//!
//! Its certificate and key stand in one file, so that a crash can never leave one without the other; a copy of the
//! certificate alone lies beside it for people and devices.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, GeneralSubtree, IsCa, Issuer};
use rcgen::{KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::{TlsError, certified, read};
use crate::files::{create_private_dir, write_private};

/// Certificate and key, mode 0600.
pub(super) const KEPT: &str = "authority.pem";
/// The certificate alone, to be trusted.
pub(super) const PUBLIC: &str = "ca.pem";

/// Ends a certificate in text.
const END: &str = "-----END CERTIFICATE-----";

/// It lives from here to there whatever the clock shows: a Pi that does not know the time yet must not make one that nobody
/// can use later, and a new one would have to be trusted anew on every phone. Seconds since 1970: 2025-01-01, 2049-12-31.
const LIVES: (u64, u64) = (1_735_689_600, 2_524_521_600);

/// Names of the home: each stands for itself and for all below it.
const HOME_NAMES: [&str; 6] = ["local", "localhost", "home.arpa", "internal", "lan", "home"];

/// Private addresses, by prefix: this machine, RFC 1918, link-local, shared (as overlay networks use them), RFC 4193.
const HOME_ADDRESSES: [(IpAddr, u8); 9] = [
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];

/// An authority that can issue.
pub(super) struct Authority {
    pub(super) certificate: CertificateDer<'static>,
    /// The same as text.
    pub(super) pem: String,
    pub(super) issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// The one that is kept; `None` when there is none yet.
    pub(super) fn load(directory: &Path) -> Result<Option<Self>, TlsError> {
        let path = directory.join(KEPT);
        let kept = match read(&path) {
            Ok(kept) => kept,
            Err(TlsError::File { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let unusable = |reason: String| TlsError::Unusable { path: path.clone(), reason };
        let pair = certified(&kept, &kept).map_err(unusable)?;
        let key = PrivateKeyDer::from_pem_slice(&kept).map_err(|error| unusable(error.to_string()))?;
        let key = KeyPair::try_from(&key).map_err(|error| unusable(format!("the key cannot be used: {error}")))?;
        let certificate = pair.cert.first().cloned().ok_or_else(|| unusable("there is no certificate in it".into()))?;
        // The certificate stands first.
        let text = String::from_utf8_lossy(&kept);
        let pem = text.split_inclusive(END).next().unwrap_or_default().trim_start().to_owned() + "\n";
        Ok(Some(Self { certificate, pem, issuer: Issuer::new(params(&key), key) }))
    }

    /// Makes one that may vouch for the home and these names, and keeps it in place of the one that is there.
    pub(super) fn make(directory: &Path, names: &[String]) -> Result<Self, TlsError> {
        let failed = |error: rcgen::Error| TlsError::Setup(error.to_string());
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = params(&key);
        let mut permitted: Vec<GeneralSubtree> =
            HOME_NAMES.iter().map(|name| GeneralSubtree::DnsName((*name).to_owned())).collect();
        let address = |(ip, prefix): (IpAddr, u8)| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(ip, prefix));
        permitted.extend(HOME_ADDRESSES.into_iter().map(address));
        for name in names.iter().filter(|name| !is_of_home(name)) {
            permitted.push(match name.parse::<IpAddr>() {
                Ok(ip) => address((ip, if ip.is_ipv4() { 32 } else { 128 })),
                Err(_) => GeneralSubtree::DnsName(name.clone()),
            });
        }
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
        let certificate = params.self_signed(&key).map_err(failed)?;
        let path = directory.join(KEPT);
        let pem = certificate.pem();
        let kept = format!("{pem}{}", key.serialize_pem());
        create_private_dir(directory)
            .and_then(|()| write_private(&path, kept.as_bytes()))
            .and_then(|()| write_private(&directory.join(PUBLIC), pem.as_bytes()))
            .map_err(|source| TlsError::File { path: path.clone(), source })?;
        Ok(Self { certificate: certificate.der().clone(), pem, issuer: Issuer::new(params, key) })
    }

    /// Puts the copy for people and devices back where it is gone or another's.
    pub(super) fn show(&self, directory: &Path) -> Result<(), TlsError> {
        let path = directory.join(PUBLIC);
        let shown = CertificateDer::from_pem_file(&path).ok();
        if shown.as_ref() == Some(&self.certificate) {
            return Ok(());
        }
        write_private(&path, self.pem.as_bytes()).map_err(|source| TlsError::File { path, source })
    }
}

/// What does not depend on names. The authority is named after its key, so that two hubs in one list can be told apart.
fn params(key: &KeyPair) -> CertificateParams {
    let digest = Sha256::digest(key.der_bytes());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let name = format!("Kairos Hub {:02x}{:02x}{:02x}", digest[0], digest[1], digest[2]);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let at = |seconds: u64| (UNIX_EPOCH + Duration::from_secs(seconds)).into();
    (params.not_before, params.not_after) = (at(LIVES.0), at(LIVES.1));
    params
}

/// Whether every authority of ours may vouch for a name or an address.
pub(super) fn is_of_home(name: &str) -> bool {
    match name.parse::<IpAddr>() {
        Ok(ip) => HOME_ADDRESSES.iter().any(|(network, prefix)| lies_in(ip, *network, *prefix)),
        Err(_) => {
            let name = name.to_ascii_lowercase();
            let below = |home: &str| name.strip_suffix(home).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            HOME_NAMES.into_iter().any(below)
        }
    }
}

fn lies_in(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, true),
        IpAddr::V6(ip) => (ip.to_bits(), false),
    };
    let ((ip, four), (network, of_four)) = (bits(ip), bits(network));
    four == of_four && (ip ^ network).checked_shr(128 - u32::from(prefix)).unwrap_or(0) == 0
}
