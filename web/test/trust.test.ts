import { expect, it } from "vitest";
import { systemOf } from "../src/app/system";

it.each([
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605", 5, "iphone"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Safari/605", 5, "iphone"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Safari/605", 0, "mac"],
  ["Mozilla/5.0 (Linux; Android 16; Pixel) Chrome/150", 5, "android"],
  ["Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/150", 0, "windows"],
  ["Mozilla/5.0 (Windows NT 10.0; rv:150.0) Gecko/20100101 Firefox/150.0", 0, "firefox"],
  ["Mozilla/5.0 (X11; Linux x86_64) Chrome/150", 0, "linux"],
])("%s is told the steps of its system", (agent, touches, system) => {
  expect(systemOf(agent, touches)).toBe(system);
});
