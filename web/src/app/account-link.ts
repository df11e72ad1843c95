import { html, type TemplateResult } from "lit";
import { api, toast } from "../session";
import { words } from "../texts/account";
import { field, View } from "./view";

/**
 * Links this account with the one its person has in PocketBase, for houses that keep their accounts there. The hub does not tell
 * whether this is one, nor where PocketBase is: so it is folded away, and the token is brought from elsewhere (docs/ACCOUNTS.md).
 */
export class KairosAccountLink extends View {
  private async link(form: HTMLFormElement): Promise<void> {
    await api.post("/api/me/identities", { token: field(form, "token") });
    form.reset();
    toast(words.linked);
  }

  protected override render(): TemplateResult {
    return html`<details class="fold account-part"><summary data-testid="link-open">${words.linkTitle}</summary>
      <form class="card" autocomplete="off" @submit=${(event: SubmitEvent) => this.submit(event, (form) => this.link(form))}>
        <p class="lead">${words.linkLead}</p>
        <p class="lead">${words.linkAfter}</p>
        <label class="field"><span>${words.linkToken}</span>
          <input name="token" type="password" data-testid="link-token" required maxlength="8000" autocomplete="off" aria-describedby="link-hint" />
          <small id="link-hint">${words.linkTokenHint}</small></label>
        <p class="problem" role="alert">${this.problem}</p>
        <button class="primary wide" data-testid="link-submit" aria-disabled=${this.working}>${words.link}</button>
      </form>
    </details>`;
  }
}

customElements.define("kairos-account-link", KairosAccountLink);
