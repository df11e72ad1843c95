//! What is refused: a table of the known ways to make a verifier believe a token it should not.

#![allow(clippy::unwrap_used)]
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::auth::secret::encode;

const T: Millis = 1_795_514_400_000;

struct House {
    keys: Keys,
    tokens: AccessTokens,
    _dir: tempfile::TempDir,
}

impl House {
    fn new(hub: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { keys: Keys::open(dir.path(), T).unwrap(), tokens: AccessTokens::new(hub), _dir: dir }
    }

    fn issue(&self) -> String {
        self.tokens.issue(&self.keys, "ada", "s1", true, T).unwrap()
    }

    fn reads(&self, token: &str) -> bool {
        self.tokens.read(&self.keys, token, T).is_some()
    }

    /// Signs any header and claims with this hub's real key.
    fn forge(&self, header: &Value, claims: &Value) -> String {
        let pair = Ed25519KeyPair::from_pkcs8(&self.keys.signing(T).unwrap().pkcs8().unwrap()).unwrap();
        sign(header, claims, |message| pair.sign(message).as_ref().to_vec())
    }
}

fn sign(header: &Value, claims: &Value, with: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = encode(&with(message.as_bytes()));
    format!("{message}.{signature}")
}

fn parts(token: &str) -> (Value, Value) {
    let mut parts =
        token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).map(|part| serde_json::from_slice(&part));
    (parts.next().unwrap().unwrap(), parts.next().unwrap().unwrap())
}

fn with(mut json: Value, name: &str, value: Value) -> Value {
    json[name] = value;
    json
}

fn without(mut json: Value, name: &str) -> Value {
    json.as_object_mut().unwrap().remove(name);
    json
}

#[test]
fn a_token_says_what_the_sync_service_and_we_need() {
    let house = House::new("h1");
    let token = house.issue();
    let (header, claims) = parts(&token);
    assert_eq!(header, json!({"typ": "JWT", "alg": "EdDSA", "kid": house.keys.signing(T).unwrap().kid}));
    let jti = claims["jti"].clone();
    assert_eq!(
        claims,
        json!({"iss": "urn:kairos:hub:h1", "sub": "ada", "aud": ["powersync", "kairos-hub"], "iat": T / 1000,
               "exp": T / 1000 + 900, "jti": jti, "sid": "s1", "role": "admin"})
    );
    let read = house.tokens.read(&house.keys, &token, T).unwrap();
    assert_eq!((read.sub.as_str(), read.sid.as_str()), ("ada", "s1"));
    assert_ne!(parts(&house.issue()).1["jti"], jti);
}

#[test]
fn a_token_ends_after_15_minutes_and_a_little() {
    let house = House::new("h1");
    let token = house.issue();
    for (after, lives) in
        [(0, true), (900, true), (959, true), (960, false), (86_400, false), (-60, true), (-61, false)]
    {
        let read = house.tokens.read(&house.keys, &token, T + after * 1000);
        assert_eq!(read.is_some(), lives, "after {after} s");
    }
}

#[test]
fn forged_tokens_are_refused() {
    let house = House::new("h1");
    let other = House::new("h1");
    let elsewhere = House::new("h2");
    let good = house.issue();
    let (header, claims) = parts(&good);
    let kid = header["kid"].clone();
    assert!(house.reads(&house.forge(&header, &claims)), "the forge itself works");

    let their_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": other.keys.signing(T).unwrap().x});
    let public = URL_SAFE_NO_PAD.decode(&house.keys.signing(T).unwrap().x).unwrap();
    let hmac = |header: &Value| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public);
        sign(header, &claims, |message| ring::hmac::sign(&key, message).as_ref().to_vec())
    };
    let head: Vec<&str> = good.split('.').collect();
    let flipped =
        format!("{}.{}.{}", head[0], encode(with(claims.clone(), "sub", "bo".into()).to_string().as_bytes()), head[2]);
    let table = [
        ("alg none", sign(&json!({"alg": "none", "kid": kid}), &claims, |_| Vec::new())),
        ("alg None", sign(&json!({"alg": "None", "kid": kid}), &claims, |_| Vec::new())),
        ("alg none with our signature", house.forge(&with(header.clone(), "alg", "none".into()), &claims)),
        ("no alg", house.forge(&without(header.clone(), "alg"), &claims)),
        ("HS256 with the public key", hmac(&with(header.clone(), "alg", "HS256".into()))),
        ("EdDSA by name, HMAC in fact", hmac(&header)),
        ("RS256", house.forge(&with(header.clone(), "alg", "RS256".into()), &claims)),
        ("ES256", house.forge(&with(header.clone(), "alg", "ES256".into()), &claims)),
        ("unknown alg", house.forge(&with(header.clone(), "alg", "EdDSA2".into()), &claims)),
        ("no kid", house.forge(&without(header.clone(), "kid"), &claims)),
        ("another kid", house.forge(&with(header.clone(), "kid", "x".into()), &claims)),
        ("kid as path", house.forge(&with(header.clone(), "kid", "../keys.json".into()), &claims)),
        ("kid as list", house.forge(&with(header.clone(), "kid", json!([kid])), &claims)),
        ("critical extension", house.forge(&with(header.clone(), "crit", json!(["b64"])), &claims)),
        ("another hub's key, our kid", other.forge(&header, &claims)),
        ("its key in jwk, our kid", other.forge(&with(header.clone(), "jwk", their_jwk.clone()), &claims)),
        (
            "its key in jwk, its kid",
            other.forge(
                &with(with(header.clone(), "jwk", their_jwk.clone()), "kid", other.keys.signing(T).unwrap().kid.into()),
                &claims,
            ),
        ),
        ("its key at jku", other.forge(&with(header.clone(), "jku", "http://127.0.0.1/jwks.json".into()), &claims)),
        ("its key at x5u", other.forge(&with(header.clone(), "x5u", "http://127.0.0.1/x".into()), &claims)),
        ("its certificate in x5c", other.forge(&with(header.clone(), "x5c", json!(["AAAA"])), &claims)),
        ("another hub", elsewhere.issue()),
        ("iss of another hub", house.forge(&header, &with(claims.clone(), "iss", "urn:kairos:hub:h2".into()))),
        ("no iss", house.forge(&header, &without(claims.clone(), "iss"))),
        ("for the sync service only", house.forge(&header, &with(claims.clone(), "aud", json!(["powersync"])))),
        ("for somebody else", house.forge(&header, &with(claims.clone(), "aud", json!(["kairos-hub2", ""])))),
        ("for nobody", house.forge(&header, &with(claims.clone(), "aud", json!([])))),
        ("no aud", house.forge(&header, &without(claims.clone(), "aud"))),
        ("no sub", house.forge(&header, &without(claims.clone(), "sub"))),
        ("no sid", house.forge(&header, &without(claims.clone(), "sid"))),
        ("no exp", house.forge(&header, &without(claims.clone(), "exp"))),
        ("exp as text", house.forge(&header, &with(claims.clone(), "exp", "99999999999".into()))),
        ("exp in ten years", house.forge(&header, &with(claims.clone(), "exp", (T / 1000 + 315_360_000).into()))),
        ("exp at the end of time", house.forge(&header, &with(claims.clone(), "exp", i64::MAX.into()))),
        (
            "iat in the future",
            house.forge(
                &header,
                &with(with(claims.clone(), "iat", (T / 1000 + 3600).into()), "exp", (T / 1000 + 4500).into()),
            ),
        ),
        ("expired", house.forge(&header, &with(claims.clone(), "exp", (T / 1000 - 60).into()))),
        ("claims changed", flipped),
        ("signature cut off", format!("{}.{}.", head[0], head[1])),
        ("signature missing", format!("{}.{}", head[0], head[1])),
        ("signature shortened", good[..good.len() - 4].to_owned()),
        ("a fourth part", format!("{good}.AAAA")),
        ("padding", format!("{good}=")),
        ("a space", format!(" {good}")),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
        ("no base64", "é.é.é".to_owned()),
        ("very long", format!("{}.{}.{}", head[0], "A".repeat(1 << 20), head[2])),
    ];
    for (what, token) in table {
        assert!(!house.reads(&token), "{what} was believed");
    }
    assert!(house.reads(&good));
}

#[test]
fn a_retired_key_is_not_believed_when_it_is_gone() {
    let house = House::new("h1");
    let token = house.issue();
    let kid = house.keys.signing(T).unwrap().kid;
    let later = T + 91 * 86_400_000;
    house.keys.advance(later).unwrap();
    house.keys.advance(later + 3_600_000 + 16 * 60_000).unwrap();
    assert!(house.keys.named(&kid).is_none());
    assert!(house.tokens.read(&house.keys, &token, T).is_none());
}
