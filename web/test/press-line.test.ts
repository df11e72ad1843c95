import { expect, it } from "vitest";
import { type Press, pressLine, pressOf } from "../src/app/press-line";
import type { Trust } from "../src/trust-probe";

const device = { device_id: "d", username: "d", password: "p", topic: "kairos/device/d" };
const trust = (more: Partial<Trust> = {}): Trust => ({ certificates: "own", https_port: 8443, require_tls: false, fingerprint: "AA", ...more });
const line = (host: string, of: Trust | null) => pressLine(host, device, of);

it("names the port the hub tells, and else the one it comes with", () => {
  expect(line("hub.local", trust({ mqtt_port: 11883 }))).toContain("mosquitto_pub -h hub.local -p 11883 -q 1 -u d -P 'p' -t kairos/device/d/event ");
  expect(line("hub.local", trust())).toContain("-h hub.local -p 1883 -q 1");
  expect(line("hub.local", null)).toContain("-h hub.local -p 1883 -q 1");
  expect(line("[::1]", null)).toContain("-h ::1 -p 1883");
});

it("goes over TLS where plain MQTT is for the hub's own machine", () => {
  const required = trust({ require_tls: true });
  expect(line("127.0.0.1", required)).toContain("-p 1883 -q");
  expect(line("hub.local", required)).toMatch(/^curl -sk https:\/\/hub\.local:8443\/trust\/ca\.crt \| openssl x509 .*kairos-hub\.pem && mosquitto_pub -h hub\.local -p 8883 --cafile kairos-hub\.pem -q 1/);
  expect(line("hub.local", trust({ require_tls: true, certificates: "files", mqtts_port: 18883 }))).toMatch(/^mosquitto_pub -h hub\.local -p 18883 --tls-use-os-certs -q 1/);
  expect(line("127.0.0.1", trust({ mqtt_port: null, mqtts_port: 8883 }))).toContain("-p 8883 --cafile");
});

it("never repeats a press", () => expect(line("h", null)).toContain("terminal:$(date +%s%N)"));

it("knows a button's press among what stands on a day", () => {
  const event = (id: string, verb: string, device_id: string | null): Press => ({ id, verb, device_id, value: null, undo_of: null, occurred_at: null, source: "device", skip_reason: null });
  const day = [event("a", "full", null), event("b", "full", "other"), event("c", "undo", "d"), event("d", "add", "d"), event("e", "full", "d")];
  expect(pressOf("d", day)?.id).toBe("d");
  expect(pressOf("d", day.slice(0, 3))).toBeNull();
});
