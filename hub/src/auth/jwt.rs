//! Access tokens: signed statements that live 15 minutes.
//!
//! One algorithm (EdDSA) and only our own keys: what a token says of itself chooses among the keys we
//! have and nothing else. The library does the parsing and checking; the arithmetic is ring's, which
//! TLS uses too, through the provider interface the library has for that.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kairos_core::Millis;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::keys::Keys;

/// How long an access token lives, in seconds.
pub const LIFETIME: i64 = 15 * 60;
/// How far the clocks of this hub and a reader of the token may be apart, in seconds.
const LEEWAY: i64 = 60;
/// Who the tokens are for: the sync service, and this hub.
const AUDIENCE: [&str; 2] = ["powersync", "kairos-hub"];
/// The longest token looked at; ours have some 600 bytes.
const MAX: usize = 4096;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The hub that issued it.
    pub iss: String,
    /// The person's id.
    pub sub: String,
    /// Who it is for.
    pub aud: Vec<String>,
    /// When it was issued, in seconds.
    pub iat: i64,
    /// When it ends, in seconds.
    pub exp: i64,
    /// Its own id.
    pub jti: String,
    /// The session it belongs to.
    pub sid: String,
    /// `admin` or `member`. For readers elsewhere; this hub asks its own accounts.
    pub role: String,
    /// Whether it was made for a client of sync.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sync: bool,
}

/// Issues and reads the access tokens of one hub.
pub struct AccessTokens {
    issuer: String,
    validation: Validation,
}

impl AccessTokens {
    /// For the hub of this id.
    #[must_use]
    pub fn new(hub_id: &str) -> Self {
        // Installed once for the process; every later call finds the same provider there.
        let _ = PROVIDER.install_default();
        let issuer = format!("urn:kairos:hub:{hub_id}");
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&["kairos-hub"]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // The library asks the system's clock; we ask the hub's, below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { issuer, validation }
    }

    /// Issues a token for a person's session.
    #[must_use]
    pub fn issue(&self, keys: &Keys, user: &str, session: &str, admin: bool, now: Millis) -> Option<String> {
        self.sign(keys, (user, session), admin, false, now)
    }

    /// Issues a token for a client of sync.
    #[must_use]
    pub fn issue_for_sync(&self, keys: &Keys, user: &str, session: &str, admin: bool, now: Millis) -> Option<String> {
        self.sign(keys, (user, session), admin, true, now)
    }

    fn sign(&self, keys: &Keys, whose: (&str, &str), admin: bool, sync: bool, now: Millis) -> Option<String> {
        let (user, session) = whose;
        let key = keys.signing(now)?;
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let iat = now.div_euclid(1000);
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: user.to_owned(),
            aud: AUDIENCE.map(str::to_owned).to_vec(),
            iat,
            exp: iat + LIFETIME,
            jti: kairos_core::ids::mint(now, crate::random::bytes()),
            sid: session.to_owned(),
            role: if admin { "admin" } else { "member" }.to_owned(),
            sync,
        };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&key.pkcs8()?)).ok()
    }

    /// What a token says, when this hub signed it for itself and it has not run out.
    #[must_use]
    pub fn read(&self, keys: &Keys, token: &str, now: Millis) -> Option<Claims> {
        self.judge(keys, token, now).ok()
    }

    /// As [`AccessTokens::read`], or what is wrong with it.
    ///
    /// # Errors
    /// The first [`Flaw`] found.
    pub fn judge(&self, keys: &Keys, token: &str, now: Millis) -> Result<Claims, Flaw> {
        if token.len() > MAX {
            return Err(Flaw::Malformed);
        }
        // Everything in the header but the name of one of our keys is ignored or refused.
        let header = jsonwebtoken::decode_header(token).map_err(|_| Flaw::Malformed)?;
        if header.alg != Algorithm::EdDSA || header.crit.is_some() {
            return Err(Flaw::UnknownKey);
        }
        let key = header.kid.as_deref().and_then(|kid| keys.named(kid)).ok_or(Flaw::UnknownKey)?;
        let key = DecodingKey::from_ed_components(&key.x).map_err(|_| Flaw::UnknownKey)?;
        let claims =
            jsonwebtoken::decode::<Claims>(token, &key, &self.validation).map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature => Flaw::Signature,
                ErrorKind::InvalidAudience => Flaw::Audience,
                _ => Flaw::Malformed,
            })?;
        let (claims, now) = (claims.claims, now.div_euclid(1000));
        // A key of ours signs nothing that lives longer; a token that says so is not from here.
        if claims.exp.saturating_sub(claims.iat) > LIFETIME || claims.iat > now.saturating_add(LEEWAY) {
            return Err(Flaw::Malformed);
        }
        if now < claims.exp.saturating_add(LEEWAY) { Ok(claims) } else { Err(Flaw::Expired) }
    }
}

/// What is wrong with a token. Told to clients of sync, who act on it; everybody else is only asked to sign in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is no token.
    Malformed,
    /// It names no key of this hub.
    UnknownKey,
    /// It was not signed with the key it names.
    Signature,
    /// It is for somebody else.
    Audience,
    /// It ran out.
    Expired,
}

/// Ed25519 by ring, and nothing else.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match algorithm {
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::from_pkcs8(key.as_bytes()).map_err(|_| ErrorKind::InvalidEddsaKey)?;
            Ok(Box::new(RingSigner(pair)))
        }
        _ => Err(Error::from(ErrorKind::InvalidAlgorithm)),
    },
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::EdDSA => Ok(Box::new(RingVerifier(key.try_get_as_bytes()?.to_vec()))),
        _ => Err(Error::from(ErrorKind::InvalidAlgorithm)),
    },
    // Only for reading keys out of JWKs, which we never do.
    key_utils: KeyUtils::new_unimplemented(),
};

struct RingSigner(Ed25519KeyPair);

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct RingVerifier(Vec<u8>);

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

#[cfg(test)]
mod tests;
