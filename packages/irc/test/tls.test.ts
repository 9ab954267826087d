/** TLS: verified by default, refused with a mend otherwise. The certificate is for these tests alone and valid for a hundred years. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type Server } from "node:tls";
import { buildConnector, closeOpened, createCore, isUp, networkConfig, opened, until } from "./harness.ts";

const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxcXJlQqJJUxbCOkx
epXYopHPT2OKUAsmuNQlrvkXOY2hRANCAASawHL+aWwMV/GkOlrMVlvDj9bJtcpQ
GElufbcJ3Lg5a/h0asjdCvJQfGTSJdimg6hfRrcy/kQ1kZnGVdf/YUys
-----END PRIVATE KEY-----
`;
const cert = `-----BEGIN CERTIFICATE-----
MIIBlzCCAT6gAwIBAgIUbRFra/BTc6I3WiH9hFtXSwciSE8wCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIaXJjLnRlc3QwIBcNMjYxMTIxMTE1MzA3WhgPMjEyNjEwMjgx
MTUzMDdaMBMxETAPBgNVBAMMCGlyYy50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEmsBy/mlsDFfxpDpazFZbw4/WybXKUBhJbn23Cdy4OWv4dGrI3QryUHxk
0iXYpoOoX0a3Mv5ENZGZxlXX/2FMrKNuMGwwHQYDVR0OBBYEFDjv36L0P6uKa95z
ZgLBT6hSoi3kMB8GA1UdIwQYMBaAFDjv36L0P6uKa95zZgLBT6hSoi3kMA8GA1Ud
EwEB/wQFMAMBAf8wGQYDVR0RBBIwEIIIaXJjLnRlc3SHBH8AAAEwCgYIKoZIzj0E
AwIDRwAwRAIgeklrtzgbezJVczUDqMz9U/SyZ60KA+RAfB+mywgf9ckCIAlZDSEU
5yiE8rbunLwnDdHixlvt+EbGdzAIc78RzZVJ
-----END CERTIFICATE-----
`;

let server: Server;
let folder: string;
const heard: string[] = [];
beforeEach(async () => {
  heard.length = 0;
  folder = mkdtempSync(join(tmpdir(), "trestle-irc-"));
  writeFileSync(join(folder, "ca.pem"), cert);
  server = createTlsServer({ key, cert }, (socket) => {
    socket.on("error", () => undefined);
    socket.setEncoding("utf8").on("data", (text) => {
      heard.push(String(text));
      if (String(text).includes("USER")) socket.write(":irc.test 001 trestle :hi\r\n:irc.test 422 trestle :no\r\n");
    });
  });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  await closeOpened();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

const port = (): number => (server.address() as AddressInfo).port;
async function connect(options: Record<string, unknown>) {
  const connector = buildConnector({
    net: networkConfig(0, { servers: [{ host: "127.0.0.1", port: port(), ...options }], password: "hunter2" }),
  });
  opened.push(() => connector.stop());
  await connector.start(createCore().host);
  return connector;
}

describe("TLS", () => {
  it("[S1 irc] is the default, and a certificate that nobody vouches for is refused before anything is said", async () => {
    const connector = await connect({});
    await until("refused", () => connector.status()[0]?.state === "down");
    expect(connector.status()[0]?.detail).toMatch(/TLS .* failed.*caFile/);
    expect(heard).toEqual([]);
  });

  it("accepts an authority of one's own", async () => {
    const connector = await connect({ caFile: join(folder, "ca.pem") });
    await until("up", () => isUp(connector));
    expect(heard.join("")).toContain("PASS hunter2");
  });

  it("verification can be switched off for one server", async () => {
    const connector = await connect({ rejectUnauthorized: false });
    await until("up", () => isUp(connector));
  });

  it("[S1 irc] a certificate for another host is refused", async () => {
    const connector = buildConnector({
      net: networkConfig(0, { servers: [{ host: "localhost", port: port(), caFile: join(folder, "ca.pem") }] }),
    });
    opened.push(() => connector.stop());
    await connector.start(createCore().host);
    await until("refused", () => connector.status()[0]?.state === "down");
    expect(connector.status()[0]?.detail).toMatch(/TLS .* failed/);
  });

  it("a port that speaks no TLS is told as such", async () => {
    const plain = createServer((socket) => {
      socket.on("error", () => undefined).resume();
      socket.write(":irc.test NOTICE * :*** Looking up your hostname...\r\n");
    });
    await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
    const connector = buildConnector({
      net: networkConfig(0, { servers: [{ host: "127.0.0.1", port: (plain.address() as AddressInfo).port }] }),
    });
    opened.push(
      () => new Promise<void>((resolve) => plain.close(() => resolve())),
      () => connector.stop(),
    );
    await connector.start(createCore().host);
    await until("refused", () => connector.status()[0]?.state === "down");
    expect(connector.status()[0]?.detail).toContain("Is this really the TLS port?");
  });

  it("a caFile that cannot be read is a mistake of the config", async () => {
    const connector = buildConnector({
      net: networkConfig(0, { servers: [{ host: "127.0.0.1", port: port(), caFile: join(folder, "none.pem") }] }),
    });
    await expect(connector.start(createCore().host)).rejects.toMatchObject({ code: "config-invalid" });
  });
});
