// How an app that uses PowerSync speaks to a Kairos Hub.
//
//   import { HubConnector } from './connector.js';
//   await db.connect(new HubConnector('http://kairos.local:8420', () => accessToken));

// The hub takes up to 5000 operations at a time; a longer transaction is sent in parts.
const PART = 1000;

export class HubConnector {
  // hub: the address of the hub, without a slash at its end.
  // token: gives a session's access token or an API token (`kairos-hub token create`).
  constructor(hub, token) {
    this.hub = hub;
    this.token = token;
  }

  // Asked at the beginning, and again whenever the last answer runs out (every 15 minutes).
  async fetchCredentials() {
    const answer = await this.ask('GET', '/api/auth/token');
    return { endpoint: answer.powersync_url, token: answer.token };
  }

  // Called whenever there is something to send. What the hub cannot apply it keeps, and answers 200: see
  // GET /api/conflicts. An error here means that nothing is known to be saved; the SDK tries again by itself.
  async uploadData(db) {
    const transaction = await db.getNextCrudTransaction();
    if (!transaction) return;
    const batch = transaction.crud.map((entry) => entry.toJSON());
    const client_id = await db.getClientId();
    for (let n = 0; n < batch.length; n += PART) {
      await this.ask('POST', '/api/data', { client_id, now: Date.now(), batch: batch.slice(n, n + PART) });
    }
    await transaction.complete();
  }

  async ask(method, path, body) {
    const answer = await fetch(this.hub + path, {
      method,
      headers: { authorization: `Bearer ${await this.token()}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body)
    });
    if (!answer.ok) throw new Error(`The hub answered ${answer.status} to ${method} ${path}.`);
    return answer.json();
  }
}
