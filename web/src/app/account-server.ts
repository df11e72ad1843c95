import { html, nothing, type TemplateResult } from "lit";
import { api, session } from "../session";
import { words } from "../texts/server";
import type { Standing } from "../types";
import { lastText, meaning, standingBadge } from "./server/standing";
import { View } from "./view";

const LOOK_MS = 10_000;

/** How the hub stands with its server, for everybody in the house; nothing where it has none, or is away itself. */
export class KairosServerLine extends View {
  private standing: Standing | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.every(LOOK_MS, () => document.hidden || void this.load());
    this.whenBack(() => void this.load());
    void this.load();
  }

  private async load(): Promise<void> {
    const standing = await api.get<Standing>("/api/sync/status").catch(() => null);
    this.paint(() => (this.standing = standing));
  }

  protected override render(): TemplateResult | typeof nothing {
    const { standing } = this;
    if (!standing || standing.state === "not_configured") return nothing;
    const keeper = session.me?.role === "admin";
    return html`<section class="card account-part" aria-labelledby="server-title" data-testid="server-line">
      <h2 id="server-title">${words.lineOf}</h2>
      <div class="account-state">${standingBadge(standing)}<span class="hint">${lastText(standing)}</span></div>
      <p>${meaning(standing)}${!keeper && standing.state === "error" ? html` ${words.askKeeper}` : nothing}</p>
      ${keeper ? html`<a href="#/server" class="quiet">${words.toServer}</a>` : nothing}
    </section>`;
  }
}

customElements.define("kairos-server-line", KairosServerLine);
