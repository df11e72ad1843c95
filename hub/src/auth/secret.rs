//! Secrets: how they are made, compared, and what is stored of them.
//!
//! Tokens hold 256 random bits, so their plain SHA-256 is enough at rest: there is nothing to guess.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// In front of an API token, so that a person or a scanner recognises it.
pub const API_TOKEN: &str = "krs_";
/// In front of a display's token.
pub const DISPLAY_TOKEN: &str = "kdt_";
/// In front of a refresh token.
pub const REFRESH_TOKEN: &str = "krr_";

/// Crockford's base32: no I, L, O or U, which people misread.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many characters a code has that a person types.
pub const CODE: usize = 8;

/// 256 random bits as 43 characters of base64url, behind a prefix.
#[must_use]
pub fn mint(prefix: &str) -> String {
    format!("{prefix}{}", encode(&crate::random::bytes::<32>()))
}

/// A device's password: 43 characters, without a prefix, so that it can never be taken for a token.
#[must_use]
pub fn device_password() -> String {
    mint("")
}

/// A password to hand to a person: a hundred random bits in four groups that can be read out.
#[must_use]
pub fn password() -> String {
    let group = || code()[..5].to_lowercase();
    [group(), group(), group(), group()].join("-")
}

/// base64url without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is stored of a token or a device's password.
#[must_use]
pub fn hash(secret: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(secret.as_ref()).into()
}

/// Compares without telling by its time where two texts differ. Their lengths are no secret.
#[must_use]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// A code for a person to type, without its dash: 40 random bits, for short lives and few tries only.
#[must_use]
pub fn code() -> String {
    crate::random::bytes::<CODE>().iter().map(|byte| char::from(CROCKFORD[usize::from(byte % 32)])).collect()
}

/// A code as it is shown: `K7MF-2QXD`.
#[must_use]
pub fn shown(code: &str) -> String {
    match (code.get(..4), code.get(4..)) {
        (Some(front), Some(back)) if !back.is_empty() => format!("{front}-{back}"),
        _ => code.to_owned(),
    }
}

/// Reads a code as a person types it: small letters, spaces and dashes, O for 0, I and L for 1.
///
/// `None` when it cannot be a code at all.
#[must_use]
pub fn read_code(typed: &str) -> Option<String> {
    let mut code = String::with_capacity(CODE);
    for letter in typed.chars().filter(|letter| !matches!(letter, ' ' | '-')) {
        let letter = match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        if code.len() == CODE || !letter.is_ascii() || !CROCKFORD.contains(&(letter as u8)) {
            return None;
        }
        code.push(letter);
    }
    (code.len() == CODE).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_prefix_and_43_characters() {
        for prefix in [API_TOKEN, DISPLAY_TOKEN, REFRESH_TOKEN, ""] {
            let token = mint(prefix);
            assert_eq!(token.len(), prefix.len() + 43);
            assert!(token[prefix.len()..].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            assert_ne!(token, mint(prefix));
        }
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        for (typed, read) in [
            ("K7MF-2QXD", Some("K7MF2QXD")),
            (" k7mf 2qxd ", Some("K7MF2QXD")),
            ("oil0-OIL1", Some("01100111")),
            ("K7MF-2QX", None),
            ("K7MF-2QXDD", None),
            ("K7MF-2QXU", None),
            ("K7MF\u{2010}2QXD", None),
            ("", None),
        ] {
            assert_eq!(read_code(typed).as_deref(), read, "{typed}");
        }
        let fresh = code();
        assert_eq!(read_code(&shown(&fresh)), Some(fresh));
    }

    #[test]
    fn comparing_tells_equal_from_unequal() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd"));
        assert!(!same(b"abc", b"abcd"));
    }
}
