import { html, svg, type SVGTemplateResult, type TemplateResult } from "lit";
import { icon } from "../icons";
import type { SyncState, Word } from "../sync/state";
import { words } from "../texts/sync";
import "./sync-badge.css";

/** One of six states, as icon and text. It changes by itself and often, so it is not read aloud: who wants to know, looks. */

const CLOUD = svg`<path d="M7 18.5a4.3 4.3 0 0 1-.4-8.6A5.7 5.7 0 0 1 17.4 9a4.8 4.8 0 0 1 .3 9.5z" />`;
const drawings: Record<Word, SVGTemplateResult> = {
  synced: svg`${CLOUD}<path d="M9.2 13.6l2 2 3.7-4" />`,
  syncing: svg`<path d="M19 11a7.2 7.2 0 0 0-13-3.2M5 13a7.2 7.2 0 0 0 13 3.2M5.4 4v4h4M18.6 20v-4h-4" />`,
  pending: svg`${CLOUD}<path d="M12 16.2v-5M9.8 13l2.2-2.2 2.2 2.2" />`,
  offline: svg`${CLOUD}<path d="M4.5 4.5l15 16" />`,
  error: svg`<path d="M12 4.2l8.6 15H3.4zM12 10v4.2M12 16.6v.4" />`,
  off: svg`<circle cx="12" cy="12" r="8" stroke-dasharray="3.2 3.2" />`,
};

export function stateText(state: SyncState): string {
  return state.word === "pending" ? words.pending(state.pending) : words[state.word];
}

export function badge(state: SyncState): TemplateResult {
  return badgeOf("sync-state", state.word, stateText(state));
}

/** The same of something else than this device. */
export function badgeOf(hook: string, word: Word, text: string): TemplateResult {
  return html`<span class="sync-badge" data-testid=${hook} data-state=${word}>${icon(drawings[word])}<span>${text}</span></span>`;
}
