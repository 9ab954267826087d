import { connect } from "node:net";
import { asBridgeError, BridgeError } from "@trestle/core";
import { isExpected } from "../src/expected-error.ts";
import { createLog } from "../src/log.ts";
import { freePort } from "./a-span.ts";

const refusedByUndici = async (): Promise<unknown> =>
  fetch(`http://127.0.0.1:${await freePort()}`).catch((error: unknown) => error);
const refusedSocket = (): Promise<unknown> =>
  new Promise((resolve) => connect({ port: 9, host: "127.0.0.1" }).once("error", resolve));

async function expectedErrors(): Promise<readonly unknown[]> {
  return [
    new BridgeError("homeserver-unreachable", "nothing listens there"),
    new BridgeError("network-down", "away", { cause: new Error("it was closed") }),
    await refusedByUndici(),
    await refusedSocket(),
    AbortSignal.timeout(0).reason ?? new DOMException("too slow", "TimeoutError"),
  ];
}

describe("[A8] what is expected is told in words", () => {
  test.each(["json", "pretty"] as const)("without a stack at any level (%s)", async (format) => {
    const lines: string[] = [];
    const log = createLog({ level: "debug", format, secrets: [], write: (line) => lines.push(line) });
    for (const error of await expectedErrors()) {
      for (const level of ["debug", "info", "warn", "error"] as const) log[level]({ error, err: error }, "it happened");
    }
    expect(lines).toHaveLength(20);
    expect(lines.filter((line) => /\bat .*:\d+:\d+|<- |"stack"/.test(line))).toEqual([]);
    expect(lines.join("")).toContain("ECONNREFUSED");
  });

  test("with its code, its message and the message of its cause", () => {
    const lines: string[] = [];
    const log = createLog({ level: "info", format: "json", secrets: ["hunter22"], write: (line) => lines.push(line) });
    const cause = new Error("the server said hunter22");
    log.warn({ error: new BridgeError("network-down", "gone", { cause }) }, "x");
    expect((JSON.parse(lines.join("")) as { error: unknown }).error).toEqual({
      code: "network-down",
      message: "network-down: gone",
      cause: "the server said [redacted]",
    });
  });
});

describe("what is a defect keeps its stack", () => {
  const misuse = (): unknown => {
    try {
      return Buffer.alloc(-1);
    } catch (error) {
      return error;
    }
  };

  test.each<[string, unknown]>([
    ["an exception of ours", new TypeError("x is not a function")],
    ["one that became a BridgeError", asBridgeError(new Error("boom"))],
    ["a misuse of Node", misuse()],
    ["a wrapping of a defect", new TypeError("fetch failed", { cause: new TypeError("x is undefined") })],
    ["a code that is no text", Object.assign(new Error("x"), { code: 7 })],
  ])("%s", (_name, error) => {
    expect(isExpected(error)).toBe(false);
    const lines: string[] = [];
    createLog({ level: "info", format: "json", secrets: [], write: (line) => lines.push(line) }).error({ error }, "x");
    expect(lines.join("")).toContain('"stack"');
  });

  test("what is no error at all is none that was expected", () => {
    for (const thrown of [undefined, null, "ECONNREFUSED", 1, { code: "ECONNREFUSED" }])
      expect(isExpected(thrown)).toBe(false);
  });
});
