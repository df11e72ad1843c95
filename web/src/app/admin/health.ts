import { html, nothing, type TemplateResult } from "lit";
import { check, minus } from "../../icons";
import { warn } from "../../icons-pages";
import { api } from "../../session";
import { words } from "../../texts/admin";
import { inWords } from "../../texts/errors";
import type { Health } from "../../types";
import { type Trust, trustOf } from "../../trust-probe";
import { HubPage } from "../hub-page";

const LOOK_MS = 10_000;

/** How each part of the hub is doing, in its own words where something wants a look. */
export class KairosHealth extends HubPage {
  private health: Health | null = null;
  private trust: Trust | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.every(LOOK_MS, () => document.hidden || void this.refresh());
  }

  protected override async load(): Promise<void> {
    [this.health, this.trust] = await Promise.all([api.bare<Health>("GET", "/health"), trustOf(api)]);
  }

  protected override render(): TemplateResult {
    const head = this.renderHead(words.health, "", "#/admin");
    const health = this.health;
    // What was true a while ago says nothing while the hub is away.
    if (!health || this.away) return html`${head}${this.renderWaiting()}`;
    const well = health.status === "ok";
    return html`${head}
      <p class="note ${well ? "" : "is-warn"}" role="status" data-testid="health" data-status=${health.status}>${well ? check() : warn()}<span><b>${well ? words.healthOk : words.healthDegraded}</b><br />${words.version(health.version)}</span></p>
      <section class="part" aria-label=${words.healthLead}>
        <h2>${words.healthLead}</h2>
        <ul class="card parts">${sorted(health).map(([name, part]) => this.renderPart(name, part))}</ul>
      </section>
      ${this.trust ? html`<p class="hint" data-testid="health-line">${words.lines[lineOf(this.trust)]} <a href="/trust">${words.toTrust}</a></p>` : nothing}`;
  }

  private renderPart(name: string, part: { status: string; reason?: string | null }): TemplateResult {
    const state = part.status === "ok" ? words.ok : part.status === "off" ? words.off : words.degraded;
    const icon = part.status === "ok" ? check() : part.status === "off" ? minus() : warn();
    return html`<li class="is-${part.status}" data-testid="health-part" data-part=${name}>
      <span class="part-mark">${icon}</span>
      <span class="words"><span class="part-name">${words.parts[name] ?? name}</span>${part.reason ? html`<span class="line">${inWords(part.reason)}</span>` : nothing}</span>
      <span class="line part-state">${state}</span></li>`;
  }
}

/** How the home reaches the hub: in both ways, in TLS alone, or without it. */
function lineOf(trust: Trust): keyof typeof words.lines {
  return trust.certificates === "off" ? "plain" : trust.require_tls ? "secure" : "both";
}

/** What wants a look comes first, what is off last. */
function sorted(health: Health): [string, Health["components"][string]][] {
  const rank = (status: string) => (status === "ok" ? 1 : status === "off" ? 2 : 0);
  return Object.entries(health.components).sort(([, a], [, b]) => rank(a.status) - rank(b.status));
}

customElements.define("kairos-health", KairosHealth);
