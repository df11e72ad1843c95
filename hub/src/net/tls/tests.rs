#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::own::IDENTITY;
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
    assert_eq!(first.authority(), named.authority(), "what people trust stays");
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
    assert_eq!(mode(&directory.join("authority.pem")), 0o600);
    let public = std::fs::read_to_string(directory.join(authority::PUBLIC)).unwrap();
    assert!(!public.contains("PRIVATE"));
}

#[test]
fn a_damaged_file_is_named_and_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["identity.pem", "authority.pem"] {
        let path = folder.path().join(name);
        for content in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, content).unwrap();
            let error = Tls::load(own_in(folder.path(), &[]), NOW).unwrap_err().to_string();
            assert!(error.contains(&format!("{name} holds no usable certificate")), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        std::fs::remove_file(&path).unwrap();
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

/// Whether a client that trusts this authority, and nobody else, takes the certificate under a name.
fn takes(authority: &Authority, tls: &Tls, name: &str) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate.clone()).unwrap();
    let verifier =
        rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()));
    let verifier = verifier.build().unwrap();
    let chain = tls.chain();
    let at = rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_millis(NOW));
    let name = rustls::pki_types::ServerName::try_from(name.to_owned()).unwrap();
    rustls::client::danger::ServerCertVerifier::verify_server_cert(&*verifier, &chain[0], &chain[1..], &name, &[], at)
        .is_ok()
}

#[test]
fn who_trusts_the_authority_trusts_each_certificate_of_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::load(own_in(folder.path(), &[]), NOW).unwrap();
    let authority = tls.authority().unwrap();
    assert_eq!(authority.fingerprint.len(), 95);
    assert!(takes(&authority, &tls, "kairos.local") && takes(&authority, &tls, "127.0.0.1"));
    assert!(!takes(&authority, &tls, "kairos-2.local") && !takes(&authority, &tls, "10.0.0.7"));
    // The hub had to take another name, and another address; neither is from the settings.
    let first = tls.fingerprint();
    tls.set_present(
        ["kairos-2.local", "10.0.0.7", "fd00::7", "8.8.8.8", "kairos.example.org", "no name"]
            .map(str::to_owned)
            .to_vec(),
    );
    assert!(tls.refresh(NOW).unwrap());
    assert_ne!(tls.fingerprint(), first);
    for name in ["kairos.local", "kairos-2.local", "10.0.0.7", "fd00::7"] {
        assert!(takes(&authority, &tls, name), "{name}");
    }
    for name in ["8.8.8.8", "kairos.example.org"] {
        assert!(!takes(&authority, &tls, name), "{name}");
    }
    assert!(!tls.refresh(NOW).unwrap(), "once is enough");
    // An address that is gone again does no harm.
    tls.set_present(Vec::new());
    assert!(!tls.refresh(NOW).unwrap());
    assert!(tls.refresh(NOW + 380 * DAY_MS).unwrap());
    assert_eq!(tls.authority(), Some(authority));
}

#[test]
fn a_public_name_of_the_settings_needs_an_authority_that_may_vouch_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let before = Tls::load(own_in(folder.path(), &[]), NOW).unwrap().authority().unwrap();
    let tls = Tls::load(own_in(folder.path(), &["habits.example.org", "203.0.113.9"]), NOW).unwrap();
    let authority = tls.authority().unwrap();
    assert_ne!(authority, before);
    assert!(takes(&authority, &tls, "habits.example.org") && takes(&authority, &tls, "203.0.113.9"));
    assert!(takes(&authority, &tls, "kairos.local") && !takes(&before, &tls, "kairos.local"));
    let again = Tls::load(own_in(folder.path(), &["habits.example.org"]), NOW + DAY_MS).unwrap();
    assert_eq!(again.fingerprint(), tls.fingerprint());
    let shown = CertificateDer::from_pem_file(folder.path().join(authority::PUBLIC)).unwrap();
    assert_eq!(shown, authority.certificate);
    // Gone, it is put back.
    std::fs::remove_file(folder.path().join(authority::PUBLIC)).unwrap();
    assert!(!tls.refresh(NOW).unwrap());
    assert_eq!(CertificateDer::from_pem_file(folder.path().join(authority::PUBLIC)).unwrap(), authority.certificate);
}

#[test]
fn a_stolen_authority_vouches_for_nobody_outside_of_the_home() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::load(own_in(folder.path(), &[]), NOW).unwrap();
    let stolen = authority::Authority::load(folder.path()).unwrap().unwrap();
    for (name, home) in [("bank.example.com", false), ("notlocal", false), ("1.1.1.1", false), ("attic.local", true)] {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2040, 1, 1));
        let forged = params.signed_by(&key, &stolen.issuer).unwrap();
        let forged = format!("{}{}", forged.pem(), key.serialize_pem());
        let path = folder.path().join("forged.pem");
        std::fs::write(&path, forged).unwrap();
        let server = Tls::load(Source::Files { certificate: path.clone(), key: path }, NOW).unwrap();
        assert_eq!(takes(&tls.authority().unwrap(), &server, name), home, "{name}");
    }
}

#[test]
fn home_is_what_only_a_home_has() {
    for name in [
        "local",
        "kairos.local",
        "Kairos.LOCAL",
        "hub.home.arpa",
        "10.1.2.3",
        "172.31.0.1",
        "192.168.0.1",
        "100.100.1.1",
    ] {
        assert!(authority::is_of_home(name), "{name}");
    }
    for name in ["fe80::1", "fd12::1", "::1", "127.0.0.1", "169.254.3.4", "nas.lan", "a.b.internal"] {
        assert!(authority::is_of_home(name), "{name}");
    }
    for name in ["example.org", "alocal", "local.example.org", "172.32.0.1", "11.0.0.1", "2001:db8::1", "::2", "kairos"]
    {
        assert!(!authority::is_of_home(name), "{name}");
    }
}
