import { html, nothing, type TemplateResult } from "lit";
import { t } from "../i18n";
import { check, mark } from "../icons";
import { api } from "../session";
import { words } from "../texts/trust";
import { isTrusted, secureAddress, type Trust, trustOf } from "../trust-probe";
import { type System, systemOf } from "./system";
import "./trust.css";
import { View } from "./view";

/** How a device comes to trust the hub. Needs no account. */
export class KairosTrust extends View {
  private trust: Trust | null = null;
  private system = systemOf(navigator.userAgent, navigator.maxTouchPoints);
  private state: "unknown" | "checking" | "no" | "yes" = "unknown";

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      const trust = await trustOf(api);
      this.paint(() => (this.trust = trust));
      const address = secureAddress(trust);
      // Silent: who has just come here most likely does not trust it yet.
      if (address && location.protocol === "http:" && (await isTrusted(address))) this.paint(() => (this.state = "yes"));
    } catch {
      setTimeout(() => this.isConnected && void this.load(), 3_000);
    }
  }

  private async try(address: string): Promise<void> {
    if (this.state === "checking") return;
    this.paint(() => (this.state = "checking"));
    const trusted = await isTrusted(address);
    this.paint(() => (this.state = trusted ? "yes" : "no"));
  }

  protected override render(): TemplateResult {
    return html`<main class="gate trust">
      <p class="hello">${mark()}</p>
      <h1>${words.title}</h1>
      ${this.trust ? this.renderTrust(this.trust) : html`<p class="lead" role="status">${t.loading}</p>`}
      <a class="quiet wide" href="/">${words.back}</a>
    </main>`;
  }

  private renderTrust(trust: Trust): TemplateResult {
    const address = secureAddress(trust);
    if (trust.certificates === "off" || !address) return html`<p class="lead">${words.off}</p>`;
    if (location.protocol === "https:" && isSecureContext && trust.certificates === "own") return this.renderSecure(trust);
    return html`<p class="lead">${trust.certificates === "files" ? words.files : words.lead}</p>
      ${this.state === "yes" ? this.renderReached(address) : trust.certificates === "own" ? this.renderSteps(trust, address) : this.renderCheck(address)}`;
  }

  private renderSecure(trust: Trust): TemplateResult {
    return html`<p class="lead">${words.already}</p>${this.renderPrint(trust)}
      <details><summary>${words.get}</summary>${this.renderSystems()}<a class="quiet wide" href="/trust/ca.crt" download>${words.get}</a></details>`;
  }

  private renderReached(address: string): TemplateResult {
    return html`<p class="all-done" role="status">${check()}<span>${words.reached}</span></p>
      <a class="primary wide" data-testid="trust-open" href="${address}/">${words.open}</a>`;
  }

  private renderSteps(trust: Trust, address: string): TemplateResult {
    return html`<section class="card">
        <a class="primary wide" data-testid="trust-get" href="/trust/ca.crt" download="kairos-hub.crt">${words.get}</a>
        ${this.renderSystems()} ${this.renderPrint(trust)}
        <p class="hint">${words.bound}</p>
      </section>
      ${this.renderCheck(address)}`;
  }

  private renderSystems(): TemplateResult {
    const chosen = (event: Event) => this.paint(() => (this.system = (event.target as HTMLSelectElement).value as System));
    return html`<label class="field"><span>${words.system}</span>
        <select data-testid="trust-system" @change=${chosen}>
          ${Object.entries(words.systems).map(([system, name]) => html`<option value=${system} ?selected=${system === this.system}>${name}</option>`)}
        </select></label>
      <ol class="steps-list">${words.steps[this.system].map((step) => html`<li>${step}</li>`)}</ol>`;
  }

  private renderPrint(trust: Trust): TemplateResult {
    return html`<p>${words.compare}</p>
      <p class="print" data-testid="trust-fingerprint">${(trust.fingerprint ?? "").replace(/:/g, ":\u200b")}</p>
      <p class="hint">${words.compareHow}</p>`;
  }

  private renderCheck(address: string): TemplateResult {
    const text = { unknown: "", checking: words.checking, no: words.notYet, yes: words.works }[this.state];
    return html`<p role="status" class=${this.state === "no" ? "hint" : "lead"}>${text || nothing}</p>
      <button class="quiet wide" data-testid="trust-check" aria-disabled=${this.state === "checking"} @click=${() => void this.try(address)}>${words.check}</button>`;
  }
}

customElements.define("kairos-trust", KairosTrust);
