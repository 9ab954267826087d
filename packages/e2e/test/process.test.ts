import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, freePorts, spawnServer, takesConnections } from "../src/servers/process.ts";

const dir = () => mkdtempSync(join(tmpdir(), "trestle-process-"));
const listen = (port: number) => `console.log("up"); require("node:net").createServer().listen(${port}, "127.0.0.1")`;
const gone = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.startsWith("Z") ?? true;
  } catch {
    return true;
  }
};
async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > end) throw new Error("it never came true");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("spawnServer", () => {
  it("resolves once the port takes connections, and stops what it started", async () => {
    const port = await freePort();
    const logFile = join(dir(), "server.log");
    const server = await spawnServer(process.execPath, ["-e", listen(port)], { ready: { port }, logFile });
    expect(await takesConnections(port)).toBe(true);
    expect(server.logTail()).toBe("up");
    await server.stop();
    expect(server.running()).toBe(false);
    expect(await takesConnections(port)).toBe(false);
  });

  it("waits for a line of this start, not of an earlier one in the same log", async () => {
    const logFile = join(dir(), "server.log");
    writeFileSync(logFile, "ready\n");
    const script = 'setTimeout(() => console.log("ready"), 300); setInterval(() => {}, 1000)';
    const begun = Date.now();
    const server = await spawnServer(process.execPath, ["-e", script], { ready: { log: /^ready$/m }, logFile });
    expect(Date.now() - begun).toBeGreaterThan(250);
    await server.stop("KILL");
  });

  it("rejects with the end of the log when the server ends while starting", async () => {
    const options = { ready: { port: 1 }, logFile: join(dir(), "server.log"), name: "badserver" };
    const script = 'console.error("no such key: prot"); process.exit(3)';
    await expect(spawnServer(process.execPath, ["-e", script], options)).rejects.toThrow(
      /badserver ended while starting \(exit code 3\)[\s\S]*no such key: prot/,
    );
  });

  it("rejects when the program does not exist", async () => {
    const options = { ready: { port: 1 }, logFile: join(dir(), "server.log") };
    await expect(spawnServer("/no/such/program", [], options)).rejects.toThrow(/ended while starting/);
  });

  it("kills a server that ignores SIGTERM", async () => {
    const script = 'process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)';
    const options = { ready: { log: /up/ }, logFile: join(dir(), "server.log") };
    const server = await spawnServer(process.execPath, ["-e", script], options);
    await server.stop("TERM", 100);
    expect((await server.exited).signal).toBe("SIGKILL");
  });

  it("gives ports that differ", async () => {
    expect(new Set(await freePorts(20)).size).toBe(20);
  });
});

describe("when we end", () => {
  const parents: ChildProcess[] = [];
  afterAll(() => {
    for (const parent of parents) parent.kill("SIGKILL");
  });

  it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("no server outlives our %s", async (signal) => {
    const folder = dir();
    const script = join(folder, "parent.mts");
    const source = new URL("../src/servers/process.ts", import.meta.url).href;
    writeFileSync(
      script,
      `import { spawnServer } from "${source}";
       const server = await spawnServer(process.execPath, ["-e", "console.log('up'); setInterval(() => {}, 1000)"],
         { ready: { log: /up/ }, logFile: ${JSON.stringify(join(folder, "server.log"))} });
       console.log(server.pid);
       setInterval(() => {}, 1000);`,
    );
    const parent = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    parents.push(parent);
    const pid = await new Promise<number>((resolve) => parent.stdout.once("data", (data) => resolve(Number(data))));
    expect(gone(pid)).toBe(false);
    parent.kill(signal);
    await until(() => gone(pid));
  });
});
