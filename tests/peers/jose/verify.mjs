// The hub's tokens as PowerSync's Service judges them: by the keys at /.well-known/jwks.json and nothing else of the hub,
// EdDSA only, for `powersync`, living a day at most. Then everything that somebody who has such a token could make of it.
//
//   HUB_URL=… ACCESS_TOKEN=… SYNC_TOKEN=… USER_ID=… node verify.mjs
import assert from 'node:assert/strict';
import * as jose from 'jose';

const { HUB_URL, ACCESS_TOKEN, SYNC_TOKEN, USER_ID } = process.env;
if (!HUB_URL || !ACCESS_TOKEN || !SYNC_TOKEN || !USER_ID) {
  console.error('HUB_URL, ACCESS_TOKEN, SYNC_TOKEN and USER_ID are needed.');
  process.exit(2);
}

const DAY = 24 * 60 * 60;
/** As the Service has them; the time is given, so that an expired token needs no waiting. */
const RULES = {
  algorithms: ['EdDSA'],
  audience: 'powersync',
  requiredClaims: ['aud', 'sub', 'iat', 'exp'],
  clockTolerance: 60,
  maxTokenAge: DAY,
};
const jwksUrl = new URL('/.well-known/jwks.json', HUB_URL);
const keys = jose.createRemoteJWKSet(jwksUrl);
const verify = (token, rules = {}) => jose.jwtVerify(token, keys, { ...RULES, ...rules });

const encode = (value) => jose.base64url.encode(JSON.stringify(value));
const say = (step, more = {}) => console.log(JSON.stringify({ step, ...more }));

/** Refused by the library, for the reason given; and where it was forged, by the hub too. */
async function refused(step, code, token, rules) {
  const verdict = await verify(token, rules).then(
    () => 'verified',
    (error) => error.code ?? `${error}`,
  );
  assert.equal(verdict, code, step);
  if (!rules) {
    for (const path of ['/api/me', '/api/today', '/api/auth/token']) {
      const answer = await fetch(new URL(path, HUB_URL), { headers: { authorization: `Bearer ${token}` } });
      assert.equal(answer.status, 401, `${step}: ${path}`);
    }
  }
  say('REFUSED', { what: step, code });
}

const published = await (await fetch(jwksUrl)).json();
assert.ok(published.keys.length > 0);
for (const key of published.keys) {
  assert.deepEqual([key.kty, key.crv, key.alg, key.use], ['OKP', 'Ed25519', 'EdDSA', 'sig']);
  assert.equal(key.kid, await jose.calculateJwkThumbprint(key), 'a key is named by its thumbprint');
  assert.ok(!('d' in key) && !('k' in key), 'nothing private is published');
}

for (const [name, token] of Object.entries({ access: ACCESS_TOKEN, sync: SYNC_TOKEN })) {
  const { payload, protectedHeader } = await verify(token);
  assert.equal(protectedHeader.alg, 'EdDSA');
  assert.ok(published.keys.some((key) => key.kid === protectedHeader.kid), 'the key is known');
  assert.equal(payload.sub, USER_ID);
  assert.ok(Math.abs(payload.iat - Date.now() / 1000) < 60, `issued now: ${payload.iat}`);
  const lifetime = payload.exp - payload.iat;
  assert.ok(lifetime > 0 && lifetime <= DAY, `it lives ${lifetime} s`);
  say('VERIFIED', { token: name, lifetime });

  const [header, body, signature] = token.split('.');
  const key = published.keys.find(({ kid }) => kid === protectedHeader.kid);
  const claims = (more) => encode({ ...payload, ...more });
  await refused(`${name}: somebody else's name`, 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED', [header, claims({ sub: 'somebody-else' }), signature].join('.'));
  await refused(`${name}: a longer life`, 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED', [header, claims({ exp: payload.exp + DAY }), signature].join('.'));
  await refused(`${name}: no signature`, 'ERR_JOSE_ALG_NOT_ALLOWED', `${encode({ alg: 'none', kid: key.kid })}.${body}.`);
  // The public key, which everybody has, taken for a shared secret.
  for (const secret of [jose.base64url.decode(key.x), new TextEncoder().encode(JSON.stringify(key))]) {
    const forged = await new jose.SignJWT(payload).setProtectedHeader({ alg: 'HS256', kid: key.kid }).sign(secret);
    await refused(`${name}: HS256 with the public key`, 'ERR_JOSE_ALG_NOT_ALLOWED', forged);
  }
  // Rightly signed, by a key that the hub never had: under its own name, and under that of a key of the hub.
  const own = await jose.generateKeyPair('EdDSA', { crv: 'Ed25519' });
  const signed = (kid) => new jose.SignJWT(payload).setProtectedHeader({ alg: 'EdDSA', kid }).sign(own.privateKey);
  await refused(`${name}: an unknown key`, 'ERR_JWKS_NO_MATCHING_KEY', await signed('unknown'));
  await refused(`${name}: another key under a known name`, 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED', await signed(key.kid));
  await refused(`${name}: another audience`, 'ERR_JWT_CLAIM_VALIDATION_FAILED', token, { audience: 'somebody-else' });
  const after = new Date((payload.exp + RULES.clockTolerance + 1) * 1000);
  await refused(`${name}: after its end`, 'ERR_JWT_EXPIRED', token, { currentDate: after });
}
say('DONE');
