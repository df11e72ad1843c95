import { html, nothing, type TemplateResult } from "lit";
import { ApiError } from "../../api";
import { server as serverIcon } from "../../icons-pages";
import { liveUrl, type Socket } from "../../live";
import { api, session, toast } from "../../session";
import { inWords } from "../../texts/errors";
import { words } from "../../texts/server";
import type { Standing } from "../../types";
import { count } from "../format";
import { HubPage } from "../hub-page";
import "./codes";
import "./connect";
import { Feed } from "./feed";
import { renderAddress } from "./preview";
import "./server.css";
import { detailOf, lastText, meaning, saysMore, standingBadge } from "./standing";

const STATUS = "/api/sync/status";

/** `#/server`: how the hub stands with its server, and which that is. For administrators. */
export class KairosServer extends HubPage {
  private standing: Standing | null = null;
  private feed: Feed | null = null;
  private form = false;
  private asks = false;
  /** The most that waited since both sides last had the same: how far it has come is told by that. */
  private most = 0;
  /** It was connected here, and has not arrived. */
  private arriving = false;

  private get may(): boolean {
    return session.me?.role === "admin";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (!this.may) return;
    this.feed = new Feed({
      token: () => api.token(),
      ask: () => api.get<Standing>(STATUS),
      open: () => new WebSocket(liveUrl(location)) as Socket,
      heard: (standing) => this.paint(() => this.hear(standing)),
      away: (error) => this.paint(() => (this.away = error instanceof ApiError && error.status === 0)),
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.feed?.stop();
    this.feed = null;
  }

  protected override async load(): Promise<void> {
    if (this.may) this.hear(await api.get<Standing>(STATUS));
  }

  private hear(standing: Standing): void {
    this.away = false;
    // What is told as it happens does not say again what does not change.
    const { relay = this.standing?.relay ?? false, fixed = this.standing?.fixed ?? false } = standing;
    this.standing = { ...standing, relay, fixed };
    const { state, pending } = standing;
    this.most = state === "synced" || state === "not_configured" ? 0 : Math.max(this.most, pending);
    if (!this.arriving || state !== "synced") return;
    this.arriving = false;
    toast(words.arrived);
  }

  private connected(standing: Standing): void {
    this.paint(() => {
      this.form = false;
      this.arriving = true;
      this.hear(standing);
    });
    if (this.arriving) toast(words.connected);
  }

  private async tryNow(): Promise<void> {
    await this.work(async () => this.hear(await api.post<Standing>("/api/sync/now")));
  }

  private async disconnect(): Promise<void> {
    this.asks = false;
    await this.work(async () => {
      this.hear(await api.delete<Standing>("/api/upstream"));
      this.arriving = false;
      toast(words.disconnected);
    });
  }

  protected override render(): TemplateResult {
    const head = this.renderHead(words.title, "", "#/more");
    if (!this.may) return html`${head}<p class="lead" data-testid="server-not">${words.notYours}</p>`;
    if (!this.standing) return html`${head}${this.renderWaiting()}`;
    return html`${head}${this.renderAway()}
      ${this.renderStanding(this.standing)} ${this.renderWays(this.standing)}
      ${this.standing.relay ? html`<kairos-house-code></kairos-house-code>` : nothing}
      ${this.asks ? this.renderDisconnect(this.standing) : nothing}`;
  }

  private renderStanding(standing: Standing): TemplateResult {
    const none = standing.state === "not_configured";
    return html`<section class="card server-part" aria-label=${words.part} data-testid="server-standing" aria-busy=${standing.state === "syncing" ? "true" : "false"}>
      <div class="server-state">${standingBadge(standing)}${none ? nothing : html`<span class="hint">${lastText(standing)}</span>`}</div>
      <p data-testid="server-detail">${meaning(standing)}</p>
      ${saysMore(standing) ? html`<p class="server-said" data-testid="server-said">${said(standing)}</p>` : nothing}
      ${this.renderProgress(standing)}
      ${standing.server ? html`<p class="server-address"><span class="hint">${words.address}</span>${renderAddress(standing.server)}</p>` : nothing}
      ${none ? nothing : html`<button class="quiet" data-testid="server-now" aria-disabled=${this.working} @click=${this.tryNow}>${this.working ? words.trying : words.tryNow}</button>`}
    </section>`;
  }

  private renderProgress({ state, pending }: Standing): TemplateResult | typeof nothing {
    if (state !== "syncing" && !(this.arriving && state === "pending")) return nothing;
    return this.most > 0
      ? html`<div class="server-progress"><progress aria-label=${words.progress} max=${this.most} .value=${this.most - pending}></progress><span class="hint" data-testid="server-left">${words.left(count(pending))}</span></div>`
      : html`<div class="server-progress"><progress aria-label=${words.progress}></progress></div>`;
  }

  private renderWays({ state, fixed }: Standing): TemplateResult {
    if (fixed) return html`<p class="note server-part" data-testid="server-fixed">${serverIcon()}<span>${words.fixed}</span></p>`;
    if (this.form) {
      return html`<kairos-server-connect @connected=${(event: CustomEvent<Standing>) => this.connected(event.detail)}
        @closed=${() => this.paint(() => (this.form = false))}></kairos-server-connect>`;
    }
    const open = () => this.paint(() => (this.form = true));
    if (state === "not_configured") return html`<button class="add server-part" data-testid="server-add" @click=${open}>${serverIcon()}<span>${words.connect}</span></button>`;
    return html`<div class="server-ways">
      <button class="quiet" data-testid="server-add" @click=${open}>${words.another}</button>
      <button class="quiet" data-testid="server-disconnect" @click=${() => this.paint(() => (this.asks = true))}>${words.disconnect}</button>
    </div>`;
  }

  private renderDisconnect({ pending }: Standing): TemplateResult {
    const text = html`<p>${words.disconnectStays}</p><p>${words.disconnectThen}</p>${pending > 0 ? html`<p><b>${words.disconnectWaits(count(pending))}</b></p>` : nothing}`;
    const ask = { title: words.disconnectAsk, text, yes: words.disconnect, hook: "server-disconnect-yes" };
    return this.renderAsk(ask, () => void this.disconnect(), () => this.paint(() => (this.asks = false)));
  }
}

/** The hub's own sentence, beside the word for the state. */
function said({ state, message }: Standing): string {
  const sentence = inWords(message);
  return state === "offline" ? `${words.says}: ${detailOf(sentence)}` : sentence;
}

customElements.define("kairos-server", KairosServer);
