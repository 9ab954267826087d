import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

test("both Matrix libraries load without the native crypto binding, request and nedb", async () => {
  const bridge = await import("matrix-appservice-bridge");
  const sdk = await import("@vector-im/matrix-bot-sdk");
  expect(typeof bridge.AppServiceRegistration).toBe("function");
  expect(typeof sdk.MatrixClient).toBe("function");
});

test("what stands in for crypto and nedb says so when it is used", async () => {
  const crypto = await import("@matrix-org/matrix-sdk-crypto-nodejs" as string);
  expect(crypto.StoreType.Sqlite).toBe(1);
  expect(() => new crypto.UserId("@a:b")).toThrow(/stand-in/);
  await expect(crypto.OlmMachine.initialize()).rejects.toThrow(/stand-in/);
  const nedb = (await import("nedb" as string)) as { default: new () => unknown };
  expect(() => new nedb.default()).toThrow(/disableStores/);
  const promised = (await import("request-promise" as string)) as { default: () => unknown };
  expect(() => promised.default()).toThrow(/undici/);
});

test("the SDK's own transport works through what stands in for request", async () => {
  const server = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ user_id: "@a:b", url: request.url, token: request.headers.authorization }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const { MatrixClient } = await import("@vector-im/matrix-bot-sdk");
  const answer = await new MatrixClient(`http://127.0.0.1:${port}`, "t").doRequest("GET", "/x", { a: ["1", "2"] });
  expect(answer).toMatchObject({ url: "/x?a=1&a=2", token: "Bearer t" });
  await new Promise((resolve) => server.close(resolve));
});
