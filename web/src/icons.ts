import { html, svg, type SVGTemplateResult, type TemplateResult } from "lit";

/** Line icons on a 24-pixel grid, drawn here: a bare kiosk has no emoji font and the page fetches nothing. */
export function icon(paths: SVGTemplateResult): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${paths}</svg>`;
}

export const check = () => icon(svg`<path class="stroke-check" d="M5 12.5l4.6 4.5L19 7.5" pathLength="1" />`);
export const plus = () => icon(svg`<path d="M12 5v14M5 12h14" />`);
export const minus = () => icon(svg`<path d="M5 12h14" />`);
export const rest = () => icon(svg`<path d="M20 13.8A8 8 0 1 1 10.2 4a6.4 6.4 0 0 0 9.8 9.8z" />`);
export const sun = () =>
  icon(svg`<circle cx="12" cy="12" r="4" /><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6l1.4 1.4M17 17l1.4 1.4M18.4 5.6L17 7M7 17l-1.4 1.4" />`);
export const leaf = () =>
  icon(svg`<path d="M5 19c0-8 5-13 15-14 0 10-5 15-12 14.5M5 21c.8-5 3.7-8.5 8-10.5" />`);
/** A note that stands on a day. */
export const noteMark = () => icon(svg`<path d="M5 4.5h14v10L14.5 19H5zM8.5 9h7M8.5 13h4" />`);
export const steps = () => icon(svg`<circle cx="5.5" cy="6" r="1.6" /><circle cx="5.5" cy="12" r="1.6" /><circle cx="5.5" cy="18" r="1.6" /><path d="M10.5 6H20M10.5 12H20M10.5 18h6" />`);

export const more = () => icon(svg`<path d="M4 7h16M4 12h16M4 17h10" />`);

/** The mark: a day's ring, open where the right moment sits. */
export const mark = (className = "mark") =>
  html`<svg class=${className} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <path class="mark-ring" d="M19.8 4.7a12 12 0 1 0 7.5 7.5" />
    <circle class="mark-moment" cx="24.8" cy="7.2" r="3.1" />
  </svg>`;

export const dots = () => icon(svg`<path d="M5.5 12h.01M12 12h.01M18.5 12h.01" stroke-width="3" />`);
export const cross = () => icon(svg`<path d="M7 7l10 10M17 7L7 17" />`);
