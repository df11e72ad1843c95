import type { TemplateResult } from "lit";
import type { Word } from "../../sync/state";
import { words } from "../../texts/server";
import type { Standing } from "../../types";
import { ago, count } from "../format";
import { badgeOf } from "../sync-badge";

/** How the hub stands with its server, in words and in a picture. */

export function stateText({ state, pending }: Standing): string {
  return state === "pending" && pending > 0 ? words.waiting(count(pending)) : words.states[state];
}

export function standingBadge(standing: Standing): TemplateResult {
  const word: Word = standing.state === "not_configured" ? "off" : standing.state;
  return badgeOf("server-state", word, stateText(standing));
}

export function lastText({ last_sync_at }: Standing, now = Date.now()): string {
  return last_sync_at === null ? words.never : words.last(ago(last_sync_at, now));
}

/** Whether the hub says more than the word for its state. */
export function saysMore({ state, message }: Standing): boolean {
  return message !== "" && !PLAIN[state]?.test(message);
}

const PLAIN: Partial<Record<Standing["state"], RegExp>> = {
  not_configured: /^No server/, pending: /^\d+ pending$/, synced: /^Synced$/, syncing: /^Syncing/, offline: /^Can't reach server\. Working/, error: /^Sync error$/,
};

/** What is behind a sentence of the hub that begins with what stands there already: "Can't reach the server: it does not answer." */
export function detailOf(sentence: string): string {
  return /^[^:]+: (.+)$/s.exec(sentence)?.[1] ?? sentence;
}

/** What the state means for the house. */
export function meaning({ state }: Standing): string {
  return words.details[state];
}
