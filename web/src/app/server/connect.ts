import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { ApiError } from "../../api";
import { t } from "../../i18n";
import { warn } from "../../icons-pages";
import { api } from "../../session";
import { inWords } from "../../texts/errors";
import { words } from "../../texts/server";
import type { MergePreview, ServerPlace, ServerTest, Standing } from "../../types";
import { keepInSight } from "../focus";
import { View } from "../view";
import { type Kind, kindOf, parted, placeOf, type Typed } from "./place";
import { renderAddress, renderMeeting } from "./preview";
import { detailOf } from "./standing";

/** A server far away, and a merge of many rows, take their time. */
const LONG_MS = 60_000;
/** What these say is all there is to say. */
const PLAIN = ["invalid_code", "too_new"];

/**
 * Which server it is to be, whether it can be used, and what would happen: nothing travels before somebody has seen that. Says
 * `connected` with how the hub stands then, and `closed`.
 */
export class KairosServerConnect extends View {
  private typed: Typed = { kind: "database", address: "", secret: "" };
  private trouble: ServerTest | null = null;
  private preview: MergePreview | null = null;

  private type(typed: Partial<Typed>): void {
    this.paint(() => Object.assign(this.typed, typed));
  }

  /** What was typed for the one says nothing to the other. */
  private choose(kind: Kind): void {
    if (kind !== this.typed.kind) this.type({ kind, address: "", secret: "" });
  }

  private write(address: string): void {
    const kind = kindOf(address) ?? this.typed.kind;
    this.type({ address, kind, ...(kind === this.typed.kind ? {} : { secret: "" }) });
  }

  /** An address that was brought whole: its password goes where passwords stand. */
  private tidy(): void {
    const { address, secret } = parted(this.typed.address);
    if (secret !== null) this.type({ address, secret });
  }

  private async look(event: SubmitEvent): Promise<void> {
    this.tidy();
    await this.submit(event, () => this.judged(async () => {
      const place = placeOf(this.typed);
      const found = await api.post<ServerTest>("/api/upstream/test", place, LONG_MS);
      if (found.result !== "reachable") this.trouble = { ...found, message: inWords(found.message) };
      else this.preview = await api.post<MergePreview>("/api/upstream/preview", place, LONG_MS);
    }));
    await this.updateComplete;
    keepInSight(this);
  }

  private async connect(): Promise<void> {
    await this.work(() => this.judged(async () => {
      const standing = await api.put<Standing>("/api/upstream", placeOf(this.typed) satisfies ServerPlace, LONG_MS);
      this.typed = { ...this.typed, secret: "" };
      this.dispatchEvent(new CustomEvent<Standing>("connected", { detail: standing }));
    }), "here");
  }

  /** What is said against the server is told as what a test finds. */
  private async judged(job: () => Promise<void>): Promise<void> {
    this.trouble = null;
    try {
      await job();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // A hub that does not know the way says so with the word for a server that is not there.
      if (error.status === 404 || !Object.hasOwn(words.found, error.code)) throw error;
      this.trouble = { result: error.code, message: error.message };
      this.preview = null;
    }
  }

  protected override render(): TemplateResult {
    return this.preview ? this.renderPreview(this.preview) : this.renderForm();
  }

  private renderForm(): TemplateResult {
    const { kind, address, secret } = this.typed;
    const hub = kind === "hub";
    return html`<section class="card server-part" aria-labelledby="connect-title">
      <h2 id="connect-title">${words.connect}</h2>
      <p class="lead">${words.connectLead}</p>
      <form autocomplete="off" @submit=${this.look}>
        <fieldset class="choices"><legend>${words.kind}</legend>
          ${(["database", "hub"] as const).map((one) => html`<label class="choice"><input type="radio" name="kind" data-testid="server-kind-${one}" .checked=${live(kind === one)} @change=${() => this.choose(one)} /><span>${words.kinds[one]}</span></label>`)}
        </fieldset>
        <label class="field"><span>${hub ? words.hubAddress : words.databaseAddress}</span>
          <input name="address" data-testid="server-address" required maxlength="2000" inputmode="url" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="address-hint"
            placeholder=${hub ? "https://kairos.example.org" : "postgres://kairos@db.example.org/kairos"} .value=${live(address)}
            @input=${(event: Event) => this.write((event.target as HTMLInputElement).value)} @change=${this.tidy} @paste=${() => setTimeout(() => this.tidy())} data-focus />
          <small id="address-hint">${hub ? words.hubHint : words.databaseHint}</small></label>
        ${hub
          ? html`<label class="field"><span>${words.code}</span>
              <input class="house-code-field" name="code" data-testid="server-code" required maxlength="100" autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" aria-describedby="code-hint" placeholder="ABCD-EFGH-…" .value=${live(secret)}
                @input=${(event: Event) => this.type({ secret: (event.target as HTMLInputElement).value })} />
              <small id="code-hint">${words.codeHint}</small></label>`
          : html`<label class="field"><span>${words.password}</span>
              <input name="secret" type="password" data-testid="server-password" maxlength="1000" autocomplete="off" aria-describedby="secret-hint" .value=${live(secret)}
                @input=${(event: Event) => this.type({ secret: (event.target as HTMLInputElement).value })} />
              <small id="secret-hint">${words.passwordHint}</small></label>`}
        <div role="alert">${this.trouble ? renderTrouble(this.trouble, kind) : nothing}</div>
        <p class="problem" role="alert">${this.problem}</p>
        <button class="primary wide" data-testid="server-look" aria-disabled=${this.working}>${this.working ? words.looking : words.look}</button>
        <p class="hint center">${words.lookHint}</p>
      </form>
      <button class="quiet wide" data-testid="server-close" @click=${() => this.dispatchEvent(new Event("closed"))}>${t.cancel}</button>
    </section>`;
  }

  private renderPreview(preview: MergePreview): TemplateResult {
    return html`<section class="card server-part" aria-labelledby="preview-title" data-testid="server-preview">
      <h2 id="preview-title">${words.preview}</h2>
      <p class="lead">${words.previewLead}</p>
      <p class="server-address">${renderAddress(preview.server)}</p>
      ${renderMeeting(preview)}
      <p class="problem" role="alert">${this.problem}</p>
      <div class="pair">
        <button class="quiet wide" data-testid="server-change" @click=${() => this.paint(() => (this.preview = null))}>${words.change}</button>
        <button class="primary wide" data-testid="server-connect" aria-disabled=${this.working} @click=${this.connect}>${words.doConnect}</button>
      </div>
    </section>`;
  }
}

function renderTrouble({ result, message }: ServerTest, kind: Kind): TemplateResult {
  const [title, way] = (Object.hasOwn(words.found, result) ? words.found[result] : undefined) ?? words.unknown;
  return html`<div class="note is-warn server-trouble" data-testid="server-trouble" data-result=${result}>${warn()}
    <div><p><b>${title}</b></p><p>${result === "refused" && kind === "hub" ? words.hubSays : way}</p>${message && !PLAIN.includes(result) ? html`<p class="hint">${words.says}: ${detailOf(message)}</p>` : nothing}</div></div>`;
}

customElements.define("kairos-server-connect", KairosServerConnect);
