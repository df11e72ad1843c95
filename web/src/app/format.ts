import { locale } from "../i18n";
import { hub } from "../texts/hub";

const moments = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const days = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
const one = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });

/** A moment, by the clock of this screen. */
export function moment(ms: number): string {
  return moments.format(ms);
}

/** How long ago a moment was: "this minute", "3 hours ago". */
export function ago(ms: number, now = Date.now()): string {
  const minutes = Math.min(0, Math.round((ms - now) / 60_000));
  if (minutes > -60) return relative.format(minutes, "minute");
  if (minutes > -48 * 60) return relative.format(Math.round(minutes / 60), "hour");
  return relative.format(Math.round(minutes / 1440), "day");
}

/** A day as the hub writes it, `2026-11-24`. */
export function day(date: string): string {
  const at = new Date(`${date}T12:00:00Z`);
  return Number.isNaN(at.getTime()) ? date : days.format(at);
}

/** How large a file is. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${whole.format(bytes)} B`;
  if (bytes < 1_000_000) return `${whole.format(bytes / 1000)} kB`;
  return `${one.format(bytes / 1_000_000)} MB`;
}

export function count(n: number): string {
  return whole.format(n);
}

/** A length of time as one says it: whole minutes, and never none. */
export function minutes(seconds: number): string {
  return hub.minutes(Math.max(1, Math.round(seconds / 60)));
}

/** A length of time as a clock shows it: 1:05. */
export function clock(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}
