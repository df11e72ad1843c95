// How an app that uses PowerSync speaks to a Kairos Hub.
//
//   import { HubConnector } from './connector.js';
//   await db.connect(new HubConnector('http://kairos.local:8420', () => accessToken));

// One upload is one transaction on the hub, so a transaction goes whole as long as it fits: up to 5000 operations and
// 8 MiB. A longer one is sent in parts.
const MOST = 5000;
const BYTES = 7 << 20;

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
    const client_id = await db.getClientId();
    for (const batch of parts(transaction.crud.map((entry) => entry.toJSON()))) {
      await this.ask('POST', '/api/data', { client_id, now: Date.now(), batch });
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

// Cuts a transaction into uploads that the hub takes.
export function* parts(operations) {
  let part = [];
  let bytes = 0;
  for (let operation of operations) {
    let size = new TextEncoder().encode(JSON.stringify(operation)).length;
    if (size > BYTES) {
      // No column of the hub holds so much. It is told that something was left out, and keeps that under conflicts.
      const { op_id, type, id } = operation;
      operation = { op_id, type, id, op: `TOO LARGE: ${operation.op} of ${size} bytes` };
      size = 200;
    }
    if (part.length === MOST || bytes + size > BYTES) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(operation);
    bytes += size;
  }
  if (part.length > 0) yield part;
}
