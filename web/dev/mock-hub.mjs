/**
 * A hub made of memory, for front-end work: the REST and websocket surface the pages use, and nothing behind it.
 *
 *   node dev/mock-hub.mjs [--port 8420] [--new] [--dist dist]
 *
 * --new   nobody has set it up yet (setup code 1234-5678)
 * --dist  serves a finished build too, under the hub's own Content-Security-Policy
 *
 * Sign in with any e-mail and password. Beyond the hub's surface:
 *   POST /mock/press/<n>   the nth habit is pressed on a button
 *   POST /mock/drop        every websocket is cut without a word
 *   POST /mock/storm/<n>   n events: the first habit is done and taken back in turn
 *   POST /mock/day         the next day begins
 *   POST /mock/away/<0|1>  1: websockets are cut and refused, 0: the hub is back
 */
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { WebSocketServer } from "ws";

const flag = (name, other) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? other : (process.argv[at + 1] ?? "");
};
const port = Number(flag("port", "8420"));
const dist = flag("dist", null);

const CSP =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const CODE = "1234-5678";

// ---- what it knows

const epoch = randomUUID();
let seq = 0;
let setupNeeded = process.argv.includes("--new");
const me = { user_id: "u1", email: "ada@example.org", display_name: "Ada", role: "admin", tz: "UTC", day_start_min: 0 };
const habits = [];
const cells = new Map();
const devices = [];
const displays = new Map();
const displayTokens = new Map();
const receipts = new Map();

function habit(row) {
  const full = {
    id: randomUUID(), anchor_behavior: "", anchor_type: "AFTER_BEHAVIOR", kind: "boolean", target_value: null, unit: null, step: 1,
    frequency: "DAILY", status: "ACTIVE", ...row,
  };
  habits.push(full);
  cells.set(full.id, []);
  return full;
}

if (!setupNeeded) {
  habit({ name: "Drink a glass of water", anchor_behavior: "make coffee" });
  habit({ name: "Ten minutes outside", anchor_behavior: "finish lunch" });
  habit({ name: "Glasses of water", kind: "measurable", target_value: 8, unit: "glasses", anchor_behavior: "pass the kitchen" });
  habit({ name: "Read two pages", anchor_behavior: "get into bed" });
  habit({ name: "Stretch", anchor_behavior: "brush my teeth" });
  const kitchen = device("Kitchen", "button");
  Object.assign(kitchen, { online: true, battery_pct: 87, last_seen_at: Date.now() });
  kitchen.bindings = [{ trigger: "press", button: "1", action: "complete", habit_id: habits[0].id }];
  device("Bedside", "button").last_seen_at = Date.now() - 3 * 3_600_000;
}

function device(name, kind) {
  const row = {
    device_id: randomUUID(), name, kind, status: "active", last_seen_at: null, battery_pct: null, online: false, bindings: [],
  };
  devices.push(row);
  return row;
}

let daysOn = 0;
let away = false;
const date = () => new Date(Date.now() + daysOn * 86_400_000).toISOString().slice(0, 10);

/** The day's cell of a habit, folded from what happened. */
function item(h) {
  let type = null;
  let value = null;
  for (const event of cells.get(h.id)) {
    if (event.verb === "skip") type = "SKIPPED";
    else if (event.verb === "add") {
      value = (value ?? 0) + event.value;
      type = value >= h.target_value ? "FULL" : "PARTIAL";
    } else {
      type = "FULL";
      value = h.target_value;
    }
  }
  return {
    habit_id: h.id, name: h.name, kind: h.kind, due: true, done: type === "FULL", type, value,
    target: h.target_value, unit: h.unit, date: date(),
  };
}

const today = () => ({ date: date(), items: habits.map(item), next: null });

function wall() {
  const items = habits.map(item).sort((a, b) => Number(a.done) - Number(b.done));
  return {
    date: date(), time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    done: items.filter((i) => i.done).length, total: items.length, more: Math.max(0, items.length - 8), items: items.slice(0, 8),
  };
}

function run(id, command, body = {}) {
  const h = habits.find((x) => x.id === id);
  if (!h) throw refuse(404, "not_found", "This habit does not exist.");
  const known = body.command_id && receipts.get(body.command_id);
  if (known) return { ...known, outcome: "duplicate" };
  const events = cells.get(id);
  let event = null;
  if (command === "undo") {
    const at = body.event_id ? events.findIndex((e) => e.id === body.event_id) : events.length - 1;
    event = events.splice(at, at < 0 ? 0 : 1)[0] ?? null;
  } else if (command === "skip") events.push((event = { id: randomUUID(), verb: "skip" }));
  else if (body.value !== undefined) events.push((event = { id: randomUUID(), verb: "add", value: body.value }));
  else events.push((event = { id: randomUUID(), verb: "full" }));
  seq += 1;
  const receipt = { seq, outcome: event ? "applied" : "unchanged", event_id: event?.id ?? null, habit: item(h) };
  if (body.command_id) receipts.set(body.command_id, receipt);
  publish({ table: "completions", op: "put", row: receipt.habit });
  return receipt;
}

function publish(change) {
  for (const client of clients) client.publish({ seq, origin: "local", at: Date.now(), ...change });
}

// ---- REST

function refuse(status, code, message) {
  return Object.assign(new Error(message), { status, code });
}

function tokens() {
  return { access_token: randomUUID(), token_type: "Bearer", expires_in: 900, refresh_token: null, user_id: me.user_id };
}

const routes = [
  ["GET", /^\/api\/setup$/, () => ({ needed: setupNeeded })],
  ["POST", /^\/api\/setup$/, (_, body) => {
    if (body.setup_code !== CODE) throw refuse(403, "wrong_code", "This setup code is not the one of this hub.");
    setupNeeded = false;
    me.display_name = body.display_name;
    me.email = body.email;
    return [200, tokens(), { "Set-Cookie": "mock=1; HttpOnly; SameSite=Strict; Path=/" }];
  }],
  ["POST", /^\/api\/auth\/login$/, () => [200, tokens(), { "Set-Cookie": "mock=1; HttpOnly; SameSite=Strict; Path=/" }]],
  ["POST", /^\/api\/auth\/refresh$/, (_, __, request) => {
    if (!/mock=1/.test(request.headers.cookie ?? "")) throw refuse(401, "unauthorized", "Please sign in again.");
    return tokens();
  }],
  ["POST", /^\/api\/auth\/logout$/, () => [204, undefined, { "Set-Cookie": "mock=; Max-Age=0; Path=/" }]],
  ["GET", /^\/api\/me$/, () => me],
  ["PATCH", /^\/api\/me$/, (_, body) => Object.assign(me, body)],
  ["GET", /^\/api\/today$/, () => today()],
  ["GET", /^\/api\/habits$/, () => ({ items: habits, next: null })],
  ["POST", /^\/api\/habits$/, (_, body) => {
    const row = habit(body);
    seq += 1;
    publish({ table: "habits", op: "put", row });
    return [201, row];
  }],
  ["POST", /^\/api\/habits\/([\w-]+)\/(complete|skip|undo)$/, ([id, command], body) => run(id, command, body)],
  ["GET", /^\/api\/devices$/, () => ({ items: devices, next: null })],
  ["POST", /^\/api\/devices$/, (_, body) => {
    const row = device(body.name, body.kind);
    const password = createHash("sha256").update(row.device_id).digest("base64url");
    return [201, { device_id: row.device_id, username: row.device_id, password, topic: `kairos/device/${row.device_id}` }];
  }],
  ["PUT", /^\/api\/devices\/([\w-]+)\/bindings$/, ([id], body) => {
    devices.find((d) => d.device_id === id).bindings = body.bindings;
    return { bindings: body.bindings };
  }],
  ["DELETE", /^\/api\/devices\/([\w-]+)$/, ([id]) => {
    devices.splice(devices.findIndex((d) => d.device_id === id), 1);
    return [204];
  }],
  ["POST", /^\/api\/displays$/, () => {
    const pick = () => Array.from({ length: 4 }, () => "23456789ABCDEFGHJKMNPQRSTVWXYZ"[Math.floor(Math.random() * 30)]).join("");
    const offer = { code: `${pick()}-${pick()}`, poll_secret: randomUUID(), expires_in: 600 };
    displays.set(offer.code, { ...offer, approved: false });
    return [201, offer];
  }],
  ["GET", /^\/api\/displays\/poll$/, (_, __, request) => {
    const secret = (request.headers.authorization ?? "").slice(7);
    const offer = [...displays.values()].find((d) => d.poll_secret === secret);
    if (!offer) throw refuse(410, "gone", "This code has been used.");
    if (!offer.approved) return [202, { status: "waiting" }];
    displays.delete(offer.code);
    const token = randomUUID();
    displayTokens.set(token, offer);
    return { status: "approved", token };
  }],
  ["POST", /^\/api\/displays\/([\w-]+)\/approve$/, ([code], body) => {
    const offer = displays.get(code);
    if (!offer) throw refuse(404, "not_found", "No mirror shows this code right now.");
    offer.approved = true;
    offer.acts = body.act_as !== null;
    Object.assign(device(body.name ?? "Mirror", "display"), { online: true, last_seen_at: Date.now() });
    return { device_id: devices.at(-1).device_id };
  }],
  ["POST", /^\/mock\/press\/(\d+)$/, ([n]) => run(habits[Number(n)].id, "complete", {})],
  ["POST", /^\/mock\/storm\/(\d+)$/, ([n]) => {
    for (let event = 0; event < Number(n); event++) run(habits[0].id, cells.get(habits[0].id).length > 0 ? "undo" : "complete");
    return { seq, clients: clients.size };
  }],
  ["POST", /^\/mock\/day$/, () => {
    daysOn += 1;
    for (const events of cells.values()) events.length = 0;
    seq += 1;
    publish({ table: "completions", op: "put", row: item(habits[0]) });
    return { date: date() };
  }],
  ["POST", /^\/mock\/away\/([01])$/, ([is]) => {
    away = is === "1";
    if (away) for (const client of clients) client.socket.terminate();
    return {};
  }],
  ["POST", /^\/mock\/drop$/, () => {
    for (const client of clients) client.socket.terminate();
    return {};
  }],
];

const OPEN = /^\/(api\/(setup|auth\/(login|refresh)|displays(\/poll)?)|mock\/.*)$/;

async function answer(request, path) {
  let text = "";
  for await (const chunk of request) text += chunk;
  for (const [method, pattern, handle] of routes) {
    const match = request.method === method && pattern.exec(path);
    if (!match) continue;
    if (setupNeeded && path !== "/api/setup") throw refuse(503, "setup_required", "This hub is not set up yet.");
    if (!OPEN.test(path) && !request.headers.authorization) throw refuse(401, "unauthorized", "Please sign in again.");
    const result = await handle(match.slice(1), text ? JSON.parse(text) : {}, request);
    return Array.isArray(result) ? result : [200, result];
  }
  throw refuse(404, "not_found", "There is nothing at this address.");
}

function file(path) {
  const name = ["/", "/admin", "/trust", "/watch"].includes(path) ? "/index.html" : path === "/mirror" ? "/mirror.html" : normalize(path);
  return { bytes: readFileSync(join(dist, name)), type: TYPES[extname(name)] ?? "application/octet-stream" };
}

const server = createServer(async (request, response) => {
  const path = new URL(request.url, "http://hub").pathname;
  try {
    if (dist !== null && !/^\/(api|mock)\//.test(path)) {
      const { bytes, type } = file(path);
      response.writeHead(200, { "Content-Type": type, "Content-Security-Policy": CSP, "Cache-Control": "no-cache" }).end(bytes);
      return;
    }
    const [status, body, headers = {}] = await answer(request, path);
    response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(body === undefined ? "" : JSON.stringify(body));
  } catch (error) {
    const status = error.status ?? (error.code === "ENOENT" ? 404 : 500);
    response.writeHead(status, { "Content-Type": "application/json" })
      .end(JSON.stringify({ error: { code: error.code ?? "internal", message: error.message, details: {} } }));
  }
});

// ---- websocket

const clients = new Set();

new WebSocketServer({ server, path: "/api/websocket" }).on("connection", (socket) => {
  if (away) return socket.terminate();
  let display = null;
  let subscription = null;
  const send = (message) => socket.send(JSON.stringify(message));
  const client = {
    socket,
    publish(event) {
      if (subscription === null) return;
      if (!display) send({ id: subscription, type: "event", event });
      send({ id: subscription, type: "today", today: display ? wall() : today() });
    },
  };
  clients.add(client);
  socket.on("close", () => clients.delete(client));
  socket.on("message", (data) => {
    const message = JSON.parse(String(data));
    if (message.type === "auth") {
      display = displayTokens.get(message.access_token) ?? null;
      send({ type: "auth_ok" });
    } else if (message.type === "ping") send({ id: message.id, type: "pong" });
    else if (message.type === "subscribe") {
      subscription = message.id;
      send({ id: message.id, type: "result", success: true, result: { epoch, seq, today: display ? wall() : today() } });
    } else if (message.type === "call") {
      try {
        if (display && !display.acts) throw refuse(403, "forbidden", "This display only shows.");
        send({ id: message.id, type: "result", success: true, result: run(message.habit_id, message.command, message) });
      } catch (error) {
        send({ id: message.id, type: "result", success: false, error: { code: error.code, message: error.message } });
      }
    }
  });
  send({ type: "auth_required" });
});

server.listen(port, "127.0.0.1", () => console.log(`mock hub on http://127.0.0.1:${server.address().port}`));
