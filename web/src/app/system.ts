import type { words } from "../texts/trust";

export type System = keyof typeof words.systems;

const SYSTEMS: [RegExp, System][] = [
  [/iPhone|iPad/, "iphone"],
  [/Android/, "android"],
  [/Firefox\//, "firefox"],
  [/Mac OS/, "mac"],
  [/Windows/, "windows"],
];

/** What this browser most likely runs on. An iPad says that it is a Mac, but has fingers. */
export function systemOf(agent: string, touches: number): System {
  const system = SYSTEMS.find(([known]) => known.test(agent))?.[1] ?? "linux";
  return system === "mac" && touches > 1 ? "iphone" : system;
}
