import { html, nothing, type TemplateResult } from "lit";
import { MIRROR } from "../api";
import { t } from "../i18n";
import { session } from "../session";
import { words } from "../texts/account";
import { View } from "./view";

/** Signing out: what has not reached the hub is said, and what is kept here is asked. */
export class KairosLeave extends View {
  /** Changes that wait are kept unless the person says otherwise; a device that others use, too, is left clean. */
  private keep = this.pending > 0;

  /** A mirror here shows this person's day, and may act for them. */
  private readonly mirror = localStorage.getItem(MIRROR) !== null;
  private keepMirror = false;

  private get pending(): number {
    return session.sync?.waiting ?? 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session, "state", () => this.requestUpdate());
  }

  private async signOut(): Promise<void> {
    if (!this.keepMirror) localStorage.removeItem(MIRROR);
    await this.work(() => session.signOut(!this.keep));
  }

  protected override render(): TemplateResult {
    const { pending } = this;
    return html`<dialog aria-labelledby="leave-title" @close=${() => this.dispatchEvent(new Event("close"))}>
      <h2 id="leave-title">${words.leaveTitle}</h2>
      <p class="lead">${pending > 0 ? html`<b data-testid="leave-pending">${words.leavePending(pending)}</b> ${words.leavePendingKeep}` : words.leavePlain}</p>
      ${session.sync
        ? html`<label class="tick"><input type="checkbox" data-testid="leave-keep" .checked=${this.keep}
            @change=${(event: Event) => this.paint(() => (this.keep = (event.target as HTMLInputElement).checked))} /><span>${words.keepHere}</span></label>
            ${pending > 0 && !this.keep ? html`<p class="problem" role="alert">${words.leaveGone}</p>` : nothing}`
        : nothing}
      ${this.mirror
        ? html`<label class="tick"><input type="checkbox" data-testid="leave-mirror"
            @change=${(event: Event) => (this.keepMirror = (event.target as HTMLInputElement).checked)} /><span>${words.keepMirror}</span></label>`
        : nothing}
      <div class="pair">
        <form method="dialog"><button class="quiet wide" autofocus>${t.cancel}</button></form>
        <button class="primary wide" data-testid="leave-submit" aria-disabled=${this.working} @click=${this.signOut}>${t.signOut}</button>
      </div>
    </dialog>`;
  }
}

customElements.define("kairos-leave", KairosLeave);
