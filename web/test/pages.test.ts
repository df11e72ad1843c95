import { expect, it } from "vitest";
import { here } from "../src/app/pages";

const tag = (pathname: string, hash = "", narrow = false) => here({ pathname, hash }, () => narrow).page.tag;

it("finds a page by hash, by path and by the screen", () => {
  expect(tag("/")).toBe("kairos-today");
  expect(tag("/watch")).toBe("kairos-watch");
  expect(tag("/admin")).toBe("kairos-admin");
  expect(tag("/", "", true)).toBe("kairos-watch");
  expect(tag("/watch", "#/today")).toBe("kairos-today");
  expect(tag("/", "#/habits/7", true)).toBe("kairos-habits");
  expect(tag("/constructor", "#/constructor")).toBe("kairos-today");
});
