import type { ServerPlace } from "../../types";

/** What is at the other end, and how what is typed becomes an address that the hub takes. */
export type Kind = "database" | "hub";

const SCHEMES: Record<Kind, string> = { database: "postgres://", hub: "https://" };

export interface Typed {
  kind: Kind;
  address: string;
  /** The password of a database, or a hub's code. */
  secret: string;
}

/** What an address is of; null while it does not say. */
export function kindOf(address: string): Kind | null {
  if (/^\s*postgres(ql)?:/i.test(address)) return "database";
  return /^\s*https?:/i.test(address) ? "hub" : null;
}

/**
 * Takes the password out of an address that was pasted whole, so that it does not stand there for all to read. An `@` may
 * stand in a password that nobody encoded: the last one before the path ends it.
 */
export function parted(address: string): { address: string; secret: string | null } {
  const found = /^(\s*postgres(?:ql)?:\/\/[^:@/?#]*):([^?#]*)@([^@]*)$/i.exec(address);
  return found ? { address: `${found[1]}@${found[3]}`, secret: decoded(found[2] ?? "") } : { address, secret: null };
}

/** What the hub is told. Where nobody wrote the beginning of an address, it is clear what it would be. */
export function placeOf({ kind, address, secret }: Typed): ServerPlace {
  const plain = parted(address.trim());
  const url = /^[a-z]+:\/\//i.test(plain.address) ? plain.address : SCHEMES[kind] + plain.address;
  if (kind === "hub") return { url: url.replace(/\/+$/, ""), code: secret.trim() };
  const password = secret || plain.secret;
  return { url: password ? withPassword(url, password) : url };
}

/** An address in the parts between which a line may end. */
export function pieces(address: string): string[] {
  return address.split(/(?<=\/\/|@|[^/]\/)(?=[^/])/);
}

/** Whether an address may be reached from another house: not one of this home's alone. */
export function reachesFar({ protocol, hostname }: Pick<Location, "protocol" | "hostname">): boolean {
  return protocol === "https:" && /[a-z]\.[a-z]/i.test(hostname) && !/\.(local|lan|home|internal|home\.arpa)$/i.test(hostname);
}

function withPassword(url: string, password: string): string {
  const found = /^(\w+:\/\/[^@/?#]*)@(.*)$/.exec(url);
  return found ? `${found[1]}:${encodeURIComponent(password)}@${found[2]}` : url;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
