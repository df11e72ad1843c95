import { html, nothing, type TemplateResult } from "lit";
import { t } from "../i18n";
import { button, exchange, gear, key, mirror, next, person, server, shield, signOut, watch } from "../icons-pages";
import { api, session } from "../session";
import { words } from "../texts/more";
import { isTrusted, secureAddress, trustOf } from "../trust-probe";
import "./more.css";
import { pages } from "./pages";
import { View } from "./view";

interface Way {
  href: string;
  icon: TemplateResult;
  name: string;
  line: string;
  /** Not for everybody. */
  hidden?: boolean;
}

/** Everything that is not needed each day. */
export class KairosMore extends View {
  /** The hub's address in https, once it is known that this browser reaches it there. */
  private secure: string | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    if (location.protocol === "http:") void this.look();
  }

  private async look(): Promise<void> {
    const address = await trustOf(api).then(secureAddress, () => null);
    if (address && (await isTrusted(address))) this.paint(() => (this.secure = address));
  }

  protected override render(): TemplateResult {
    const admin = session.me?.role === "admin";
    return html`<header class="day"><div><p class="eyebrow">${session.me?.display_name ?? ""}</p><h1>${words.title}</h1></div></header>
      ${this.secure ? html`<a class="primary wide" data-testid="go-secure" href="${this.secure}/">${shield()}${words.secure}</a>` : nothing}
      ${this.renderGroup(words.home, [
        { href: "#/devices", icon: button(), name: words.devices, line: words.devicesLine },
        { href: "/mirror", icon: mirror(), name: words.mirror, line: words.mirrorLine },
        { href: "#/watch", icon: watch(), name: words.watch, line: words.watchLine },
      ])}
      ${this.renderGroup(words.you, [
        { href: "#/account", icon: person(), name: words.account, line: words.accountLine },
        { href: "#/transfer", icon: exchange(), name: words.transfer, line: words.transferLine },
        { href: "#/tokens", icon: key(), name: words.tokens, line: words.tokensLine, hidden: admin },
      ])}
      ${this.renderGroup(words.house, [
        { href: "#/admin", icon: gear(), name: words.admin, line: words.adminLine, hidden: !admin },
        { href: "#/server", icon: server(), name: words.server, line: words.serverLine, hidden: !admin },
        { href: "/trust", icon: shield(), name: words.trust, line: words.trustLine },
      ])}
      <div class="more-end">
        <p>${session.me?.email ?? ""}</p>
        <button class="quiet" data-testid="sign-out" @click=${() => session.leave()}>${signOut()}${t.signOut}</button>
      </div>`;
  }

  /** A page that this build does not have is not offered. */
  private renderGroup(title: string, ways: Way[]): TemplateResult | typeof nothing {
    const there = ways.filter(({ href, hidden }) => !hidden && (!href.startsWith("#/") || Object.hasOwn(pages, href.slice(2))));
    if (there.length === 0) return nothing;
    return html`<section class="more-group" aria-label=${title}>
      <h2>${title}</h2>
      <ul class="list menu">${there.map((way) => html`<li><a href=${way.href} data-testid="more-way">
        ${way.icon}<span class="words"><span class="name">${way.name}</span><span class="line">${way.line}</span></span>${next()}</a></li>`)}</ul>
    </section>`;
  }
}

customElements.define("kairos-more", KairosMore);
