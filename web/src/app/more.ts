import { html, type TemplateResult } from "lit";
import { t } from "../i18n";
import { button, mirror } from "../icons";
import { api, session, toastError } from "../session";
import { View } from "./view";
import { words } from "../texts/more";

/** Everything that is not needed each day. */
export class KairosMore extends View {
  protected override render(): TemplateResult {
    return html`<header class="day"><div><p class="eyebrow">${session.me?.display_name ?? ""}</p><h1>${words.title}</h1></div></header>
      <ul class="list menu">
        <li><a href="#/devices">${button()}<span>${t.devices}</span></a></li>
        <li><a href="/mirror">${mirror()}<span>${t.openMirror}</span></a></li>
      </ul>
      <button class="quiet wide" data-testid="sign-out" @click=${() => api.logout().catch(toastError)}>${t.signOut}</button>`;
  }
}

customElements.define("kairos-more", KairosMore);
