import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { t } from "../i18n";
import { button, mirror, trash } from "../icons-pages";
import { api, session, toast, toastError } from "../session";
import { words } from "../texts/devices";
import type { Binding, Device, DeviceCredentials, Habit, List } from "../types";
import { type Trust, trustOf } from "../trust-probe";
import { inOrder } from "../rules";
import "./first-press";
import { lookFirst } from "./focus";
import { ago } from "./format";
import { HubPage } from "./hub-page";
import { pressLine } from "./press-line";
import { copyText, renderSecret } from "./secret";
import { field } from "./view";

const LOOK_MS = 5_000;

/** Buttons and mirrors: who is there, what a press does, and how a new one comes in. */
export class KairosDevices extends HubPage {
  private devices: Device[] | null = null;
  private habits: Habit[] = [];
  private form: "button" | "mirror" | null = null;
  private fresh: (DeviceCredentials & { name: string; habit: Habit | undefined }) | null = null;
  /** It was pressed already: nothing is to be put into it any more. */
  private pressed = false;
  /** How buttons reach the hub, as far as it tells. */
  private trust: Trust | null = null;
  private removing: Device | null = null;
  /** Which text was copied last; said where the eye is, since a toast lies under an open dialog. */
  private copied = "";

  override connectedCallback(): void {
    super.connectedCallback();
    // Who comes from their first habit is here to add the first button.
    if (this.words[0] === "first") this.form = "button";
    this.every(LOOK_MS, () => document.hidden || void this.refresh());
    this.follow(session.model, "rows", () => void this.refresh());
  }

  protected override async load(): Promise<void> {
    const [devices, habits] = await Promise.all([api.get<List<Device>>("/api/devices"), api.get<List<Habit>>("/api/habits")]);
    this.devices = devices.items;
    this.habits = habits.items;
  }

  private async add(form: HTMLFormElement): Promise<void> {
    await (this.form === "button" ? this.addButton(form) : this.addMirror(form));
    this.form = null;
    await this.refresh();
  }

  private async addButton(form: HTMLFormElement): Promise<void> {
    const name = field(form, "name");
    this.trust = await trustOf(api).catch(() => null);
    const habit = this.habits.find(({ id }) => id === field(form, "habit"));
    const made = await api.post<DeviceCredentials>("/api/devices", { name, kind: "button" });
    this.pressed = false;
    // Its password is told once: it is shown whatever comes of the rest.
    this.fresh = { ...made, name, habit: undefined };
    if (!habit) return;
    await api.put(`/api/devices/${made.device_id}/bindings`, { bindings: [pressFor(habit, "1")] }).then(() => (this.fresh = { ...made, name, habit }), toastError);
  }

  private async addMirror(form: HTMLFormElement): Promise<void> {
    const code = field(form, "code").toUpperCase().replace(/[^A-Z0-9]/g, "").replace(/^(.{4})(.{4})$/, "$1-$2");
    const name = field(form, "name");
    await api.post(`/api/displays/${encodeURIComponent(code)}/approve`, {
      ...(name ? { name } : {}),
      show: ["me"],
      act_as: field(form, "acts") ? "me" : null,
    });
    toast(words.approved);
  }

  /** Binds a press on `key`; what other keys and triggers do is left as it is. */
  private async bind(device: Device, key: string, habitId: string): Promise<void> {
    const others = device.bindings.filter((b) => !(b.trigger === "press" && b.button === key));
    // Only what a binding is written with: the hub may tell more about one than it takes.
    const kept = others.map(({ trigger, button, action, habit_id, value, act_as }) => ({ trigger, button, action, habit_id, value, act_as }));
    const habit = this.habits.find((h) => h.id === habitId);
    const own = habit ? [pressFor(habit, key)] : [];
    try {
      await api.put(`/api/devices/${device.device_id}/bindings`, { bindings: [...kept, ...own] });
      this.paint(() => (device.bindings = [...others, ...own]));
      if (habit) toast(words.bound(habit.name));
    } catch (error) {
      // What was not saved is not shown as if it were.
      this.requestUpdate();
      toastError(error);
    }
    await this.refresh();
  }

  private async revoke(device: Device): Promise<void> {
    this.paint(() => (this.removing = null));
    await this.work(async () => {
      await api.delete(`/api/devices/${device.device_id}`);
      toast(words.revoked(device.name));
    });
    await this.refresh();
  }

  protected override render(): TemplateResult {
    const shown = this.devices?.filter((d) => d.status !== "revoked");
    const head = this.renderHead(words.devices, words.devicesLead, "#/more");
    if (!shown) return html`${head}${this.renderWaiting()}`;
    return html`${head}${this.renderAway()}
      ${shown.length === 0
          ? html`<div class="empty">${button()}<h2>${words.noDevices}</h2><p>${words.noDevicesLead}</p></div>`
          : html`<ul class="list">${repeat(shown, (d) => d.device_id, (d) => this.renderDevice(d))}</ul>`}
      ${this.away && !this.form ? nothing : this.renderForms()}
      ${this.fresh ? this.renderFresh(this.fresh) : nothing}
      ${this.removing ? this.renderRemoving(this.removing) : nothing}`;
  }

  private renderDevice(device: Device): TemplateResult {
    const display = device.kind === "display";
    const keys = new Set(["1", ...device.bindings.filter((b) => b.trigger === "press").map((b) => b.button)]);
    return html`<li class="device">
      <span class="device-icon">${display ? mirror() : button()}</span>
      <div class="words">
        <span class="name">${device.name || (display ? words.mirror : words.button)}</span>
        <span class="line"><span class="presence ${device.online ? "is-online" : ""}">${device.online ? words.online : words.away}</span>
          ${device.online ? nothing : html` · ${this.seenText(device)}`}
          ${device.battery_pct === null ? nothing : html` · ${words.battery(device.battery_pct)}`}</span>
      </div>
      <button class="round faint" aria-label=${words.revokeDevice(device.name)} title=${words.revoke} @click=${() => this.paint(() => (this.removing = device))}>${trash()}</button>
      ${display ? nothing : [...keys].sort().map((key) => this.renderBinding(device, key))}
    </li>`;
  }

  private renderBinding(device: Device, key: string): TemplateResult {
    const bound = device.bindings.find((b) => b.trigger === "press" && b.button === key)?.habit_id ?? "";
    return html`<label class="binding"><span>${words.pressOf(key)}</span>
      <select .value=${live(bound)} ?disabled=${this.away} @keydown=${lookFirst} @change=${(event: Event) => this.bind(device, key, (event.target as HTMLSelectElement).value)}>
        <option value="" ?selected=${!bound}>${words.nothing}</option>
        ${this.habits.map((habit) => html`<option value=${habit.id} ?selected=${habit.id === bound}>${habit.name}</option>`)}
      </select></label>`;
  }

  private seenText(device: Device): string {
    if (device.last_seen_at === null) return words.neverSeen;
    return words.seen(ago(new Date(device.last_seen_at).getTime()));
  }

  private renderForms(): TemplateResult {
    if (this.form === null) {
      const open = (form: "button" | "mirror") => () => this.paint(() => {
        this.form = form;
        this.problem = "";
      });
      return html`<div class="pair">
        <button class="add" @click=${open("button")}>${button()}<span>${words.addButton}</span></button>
        <button class="add" @click=${open("mirror")}>${mirror()}<span>${words.addMirror}</span></button>
      </div>`;
    }
    const asButton = this.form === "button";
    const title = asButton ? words.addButton : words.addMirror;
    return html`<section class="card sheet" aria-label=${title}>
      <h2>${title}</h2>
      <form @submit=${(event: SubmitEvent) => this.submit(event, (form) => this.add(form))}>
        ${asButton
          ? html`<label class="field"><span>${words.deviceName}</span><input name="name" required maxlength="100" placeholder=${words.deviceNameExample} autocomplete="off" data-focus /></label>${this.renderChoice()}`
          : html`<label class="field"><span>${words.mirrorCode}</span><input class="code" name="code" required minlength="8" maxlength="12" placeholder="K7MF-2QXD" autocomplete="off" autocapitalize="characters" spellcheck="false" data-focus /></label>
              <label class="field"><span>${words.mirrorName}</span><input name="name" maxlength="100" placeholder=${words.mirrorNameExample} autocomplete="off" /></label>
              <p class="hint">${words.mirrorShowsMe}</p>
              <label class="tick"><input type="checkbox" name="acts" checked /><span>${words.mirrorActs}</span></label>`}
        <p class="problem" role="alert">${this.problem}</p>
        <button class="primary wide" aria-disabled=${this.working}>${asButton ? t.add : words.approve}</button>
      </form>
      <button class="quiet wide" @click=${() => this.paint(() => (this.form = null))}>${t.cancel}</button>
    </section>`;
  }

  /** What its first key is to do; what is still to be done comes first. */
  private renderChoice(): TemplateResult {
    return html`<label class="field"><span>${words.press}</span>
      <select name="habit" data-testid="button-habit">
        ${this.active.map((habit, n) => html`<option value=${habit.id} ?selected=${n === 0}>${habit.name}</option>`)}
        <option value="">${words.later}</option>
      </select></label>`;
  }

  private get active(): Habit[] {
    return inOrder(this.habits.filter(({ status, kind }) => status === "ACTIVE" && kind !== "avoid"));
  }

  private renderFresh(fresh: NonNullable<typeof this.fresh>): TemplateResult {
    const close = () => this.paint(() => {
      this.fresh = null;
      this.copied = "";
    });
    const take = (text: string) => copyText(text, this) && this.paint(() => (this.copied = text));
    const secret = (label: string, text: string) => renderSecret(label, text, this.copied, take);
    return html`<dialog aria-labelledby="fresh-title" @close=${close}>
      <h2 id="fresh-title" ?hidden=${this.pressed}>${words.credentialsTitle(fresh.name)}</h2>
      <p class="lead" ?hidden=${this.pressed}>${words.credentialsLead}</p>
      <dl class="secrets" ?hidden=${this.pressed}>
        ${secret(words.topic, `${fresh.topic}/event`)} ${secret(words.username, fresh.username)}
        ${secret(t.password, fresh.password)} ${secret(words.tryIt, pressLine(location.hostname, fresh, this.trust))}
      </dl>
      ${fresh.habit ? html`<kairos-first-press .deviceId=${fresh.device_id} .name=${fresh.name} .habit=${fresh.habit} @pressed=${() => this.paint(() => (this.pressed = true))}></kairos-first-press>` : nothing}
      <form method="dialog"><button class="${fresh.habit && !this.pressed ? "quiet" : "primary"} wide" data-testid="fresh-close">${this.pressed ? words.lovely : fresh.habit ? words.notNow : t.done}</button></form>
    </dialog>`;
  }

  private renderRemoving(device: Device): TemplateResult {
    const close = () => this.paint(() => (this.removing = null));
    return html`<dialog aria-labelledby="removing-title" @close=${close}>
      <h2 id="removing-title">${words.revokeAsk(device.name)}</h2>
      <p class="lead">${words.revokeLead}</p>
      <div class="pair">
        <form method="dialog"><button class="quiet wide" autofocus>${t.cancel}</button></form>
        <button class="primary wide" @click=${() => this.revoke(device)}>${words.revoke}</button>
      </div>
    </dialog>`;
  }
}

/** What a press does with a habit: an amount grows by its step. */
function pressFor(habit: Habit, key: string): Binding {
  const press = { trigger: "press", button: key, habit_id: habit.id };
  return habit.kind === "measurable" ? { ...press, action: "add", value: habit.step ?? 1 } : { ...press, action: "complete" };
}

customElements.define("kairos-devices", KairosDevices);
