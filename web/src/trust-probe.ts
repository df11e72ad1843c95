import type { Api } from "./api";

/** How the hub is reached in TLS (`GET /api/trust`). */
export interface Trust {
  certificates: "own" | "files" | "off";
  https_port: number | null;
  require_tls: boolean;
  fingerprint: string | null;
  /** Where buttons reach it, plain and in TLS; null: nowhere. A hub may not tell. */
  mqtt_port?: number | null;
  mqtts_port?: number | null;
}

export function trustOf(api: Api): Promise<Trust> {
  return api.bare<Trust>("GET", "/api/trust");
}

/** The hub's secure address, under the name it was asked by. */
export function secureAddress(trust: Trust): string | null {
  return trust.https_port === null ? null : `https://${location.hostname}:${trust.https_port}`;
}

/**
 * Whether this browser reaches the hub in https, which it only does when it trusts the certificate. Nothing is read of the
 * answer: that there is one says it.
 */
export async function isTrusted(address: string): Promise<boolean> {
  try {
    await fetch(`${address}/health`, { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(5_000) });
    return true;
  } catch {
    return false;
  }
}
