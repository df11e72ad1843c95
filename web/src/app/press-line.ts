import type { Trust } from "../trust-probe";
import type { DayEvent, DeviceCredentials } from "../types";

/** Where the hub takes buttons when it is set up as it comes. */
const PORT = 1883;
const TLS_PORT = 8883;
/** The hub's own certificate authority, as the first line saves it. */
const CA = "kairos-hub.pem";

/** How this machine is known to itself. */
const isHere = (host: string) => /^(localhost|127(\.\d+){3}|\[?::1\]?)$/.test(host);

/**
 * A press from a terminal. Its id must never repeat, so the shell makes a new one each time.
 *
 * In TLS where plain MQTT is for the hub's own machine only; what the hub does not tell is as it comes.
 */
export function pressLine(host: string, device: DeviceCredentials, trust: Trust | null): string {
  const secure = trust !== null && trust.certificates !== "off" && (trust.mqtt_port === null || (trust.require_tls && !isHere(host)));
  const at = (port: number) => `-h ${host.replace(/[[\]]/g, "")} -p ${port}`;
  const to = secure ? `${at(trust.mqtts_port ?? TLS_PORT)} ${trust.certificates === "own" ? `--cafile ${CA}` : "--tls-use-os-certs"}` : at(trust?.mqtt_port ?? PORT);
  const body = `{\\"event_type\\":\\"press\\",\\"button\\":\\"1\\",\\"press_id\\":\\"terminal:$(date +%s%N)\\"}`;
  const press = `mosquitto_pub ${to} -q 1 -u ${device.username} -P '${device.password}' -t ${device.topic}/event -m "${body}"`;
  return secure && trust.certificates === "own" ? `${fetchLine(host, trust)} && ${press}` : press;
}

/** The authority comes as phones take it; MQTT clients read it as text. */
function fetchLine(host: string, { https_port }: Trust): string {
  return `curl -sk https://${host}:${https_port ?? 443}/trust/ca.crt | openssl x509 -inform der -out ${CA}`;
}

/** What a day tells of a press. */
export interface Press extends DayEvent {
  device_id: string | null;
}

/** The press of a device among what stands on a day; one that was taken back was one, too. */
export function pressOf(device_id: string, events: Press[]): Press | null {
  return events.find((event) => event.device_id === device_id && event.verb !== "undo") ?? null;
}
