import { svg } from "lit";
import { icon } from "./icons";

/** Icons of pages that are brought when they are opened: they come with them, and not with the first screen or the mirror. */

export const play = () => icon(svg`<path d="M8 5.5v13l10.5-6.5z" />`);
export const forward = () => icon(svg`<path d="M6 6l7 6-7 6zM17 6v12" />`);
export const grip = () => icon(svg`<path d="M5 9h14M5 15h14" />`);
export const up = () => icon(svg`<path d="M6 14.5l6-6 6 6" />`);
export const down = () => icon(svg`<path d="M6 9.5l6 6 6-6" />`);
export const next = () => icon(svg`<path d="M9.5 6l6 6-6 6" />`);
export const back = () => icon(svg`<path d="M14.5 6l-6 6 6 6" />`);
export const people = () => icon(svg`<circle cx="9" cy="8.5" r="3.2" /><path d="M3.5 19c.6-3.6 2.7-5.4 5.5-5.4s4.9 1.8 5.5 5.4M15.5 5.8a3 3 0 0 1 0 5.5M17 13.9c1.9.6 3.1 2.3 3.5 5.1" />`);
export const key = () => icon(svg`<circle cx="8" cy="15.5" r="4" /><path d="M11 12.5L19.5 4M16 7.5l3 3M13.5 10l2 2" />`);
export const pulse = () => icon(svg`<path d="M3 12.5h4l2.5-6.5 4.5 12 2.5-5.5H21" />`);
export const exchange = () => icon(svg`<path d="M8 20V5M4.5 8.5L8 5l3.5 3.5M16 4v15M12.5 15.5L16 19l3.5-3.5" />`);
export const download = () => icon(svg`<path d="M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14" />`);
export const file = () => icon(svg`<path d="M7 3.5h7l4 4V20.5H7zM13.5 4v4H18" />`);
export const shield = () => icon(svg`<path d="M12 3.5l7 2.5v5.5c0 4.4-2.8 7.4-7 9-4.2-1.6-7-4.6-7-9V6z" />`);
export const gear = () => icon(svg`<path d="M4 7h9M17 7h3M4 17h3M11 17h9" /><circle cx="15" cy="7" r="2" /><circle cx="9" cy="17" r="2" />`);
export const watch = () => icon(svg`<circle cx="12" cy="12" r="5.5" /><path d="M9.5 7l.7-4h3.6l.7 4M9.5 17l.7 4h3.6l.7-4M12 9.5V12l1.8 1.2" />`);
export const signOut = () => icon(svg`<path d="M10 4H5v16h5M14 8l4.5 4-4.5 4M18 12H9.5" />`);
export const person = () => icon(svg`<circle cx="12" cy="8.5" r="3.6" /><path d="M5 20c.7-4 3.5-6 7-6s6.3 2 7 6" />`);
export const warn = () => icon(svg`<circle cx="12" cy="12" r="8.5" /><path d="M12 7.5v5.5M12 16.4v.1" />`);
export const button = () => icon(svg`<rect x="4" y="4" width="16" height="16" rx="4.5" /><circle cx="12" cy="12" r="3.6" />`);
export const mirror = () => icon(svg`<rect x="6" y="3" width="12" height="18" rx="2.5" /><path d="M9.5 10l3-3M9.5 14l5-5" />`);
export const trash = () => icon(svg`<path d="M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7" />`);
export const pause = () => icon(svg`<path d="M8.5 5.5v13M15.5 5.5v13" />`);
export const pencil = () => icon(svg`<path d="M4.5 19.5l.9-4L16 5l3 3L8.5 18.6zM14 7l3 3" />`);
export const box = () => icon(svg`<path d="M4 8.5h16V20H4zM4 8.5L6 4h12l2 4.5M10 12.5h4" />`);
export const copy = () => icon(svg`<rect x="9" y="9" width="11" height="11" rx="2.5" /><path d="M15 9V6.5A2.5 2.5 0 0 0 12.5 4h-6A2.5 2.5 0 0 0 4 6.5v6A2.5 2.5 0 0 0 6.5 15H9" />`);
export const calendar = () => icon(svg`<rect x="4" y="5.5" width="16" height="14.5" rx="3" /><path d="M4 10h16M8.5 3.5v3.5M15.5 3.5v3.5" />`);
export const server = () => icon(svg`<rect x="4" y="4.5" width="16" height="6.5" rx="2" /><rect x="4" y="13" width="16" height="6.5" rx="2" /><path d="M7.8 7.75h.01M7.8 16.25h.01M11.5 7.75h5M11.5 16.25h5" />`);
