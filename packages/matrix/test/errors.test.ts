import { BridgeError } from "@trestle/core";
import { failureOf, isUnrecognized, retryAfterMs, toBridgeError } from "../src/errors.ts";

const error = (status: number, errcode?: string) =>
  toBridgeError({ status, ...(errcode === undefined ? {} : { errcode }), text: "x", outcome: "not-done" });

test.each([
  [0, undefined, "homeserver-unreachable", true],
  [429, "M_LIMIT_EXCEEDED", "homeserver-limit", true],
  [400, "M_LIMIT_EXCEEDED", "homeserver-limit", true],
  [500, "M_UNKNOWN", "homeserver-unreachable", true],
  [502, undefined, "homeserver-unreachable", true],
  [504, undefined, "homeserver-unreachable", true],
  [302, undefined, "homeserver-unreachable", true],
  [204, undefined, "homeserver-unreachable", true],
  [401, "M_UNKNOWN_TOKEN", "homeserver-unreachable", true],
  [413, "M_TOO_LARGE", "event-too-large", false],
  [413, "M_BAD_JSON", "event-too-large", false],
  [413, "M_UNKNOWN", "event-too-large", false],
  [400, "M_INVALID_PARAM", "homeserver-refused", false],
  [400, "M_BAD_JSON", "homeserver-refused", false],
  [403, "M_FORBIDDEN", "homeserver-refused", false],
  [403, "M_USER_SUSPENDED", "homeserver-refused", false],
  [404, "M_NOT_FOUND", "homeserver-refused", false],
])("[L3] status %s %s is %s", (status, errcode, code, again) => {
  const made = error(status, errcode);
  expect(made.code).toBe(code);
  expect(made.retry !== "never").toBe(again);
  expect(failureOf(made)?.status).toBe(status);
});

test("how long a server asks us to wait, from the body before the header", () => {
  expect(retryAfterMs({ retry_after_ms: 1500 }, "9", 0)).toBe(1500);
  expect(retryAfterMs({}, "9", 0)).toBe(9000);
  expect(retryAfterMs(undefined, "Thu, 01 Jan 1970 00:00:05 GMT", 2000)).toBe(3000);
  expect(retryAfterMs({ retry_after_ms: -1 }, "soon", 0)).toBeUndefined();
  expect(retryAfterMs({ retry_after_ms: "7" }, undefined, 0)).toBeUndefined();
});

test("a wait of years is cut to ten minutes", () => {
  const made = toBridgeError({ status: 429, text: "", retryAfterMs: 1e12, outcome: "not-done" });
  expect(made.retry).toEqual({ afterMs: 600_000 });
});

test("an endpoint that is not offered is told from a thing that is not there", () => {
  expect(isUnrecognized(error(404, "M_UNRECOGNIZED"))).toBe(true);
  expect(isUnrecognized(error(404))).toBe(true);
  expect(isUnrecognized(error(405))).toBe(true);
  expect(isUnrecognized(error(404, "M_NOT_FOUND"))).toBe(false);
  expect(isUnrecognized(new Error("x"))).toBe(false);
});

test.each([undefined, null, 3, new Error("x"), new BridgeError("internal"), { cause: { status: "1" } }])(
  "%p holds no failure",
  (thrown) => {
    expect(failureOf(thrown)).toBeUndefined();
  },
);
