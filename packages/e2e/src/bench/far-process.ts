/** The far side as a forked process: a message names a method and its arguments, the answer carries what it resolved to. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FarSide } from "./far-side.ts";

interface Ask {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

type Remote = {
  [K in keyof FarSide as FarSide[K] extends (...args: never[]) => unknown ? K : never]: FarSide[K] extends (
    ...args: infer A
  ) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

export type FarProcess = Remote & Pick<FarSide, "url" | "irc" | "deadIrc"> & { end(): Promise<void> };

export async function forkFarSide(): Promise<FarProcess> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), { execArgv: [] });
  const open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let asked = 0;
  child.on("message", ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
    const waiting = open.get(id);
    open.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  });
  child.on("exit", () => {
    for (const waiting of open.values()) waiting.reject(new Error("the far side of the bench ended"));
  });
  const ask = (method: string, ...args: unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      const id = ++asked;
      open.set(id, { resolve, reject });
      child.send({ id, method, args } satisfies Ask);
    });
  const places = (await ask("places")) as Pick<FarSide, "url" | "irc" | "deadIrc">;
  const remote = new Proxy(places as FarProcess, {
    get: (target, name) =>
      name === "then"
        ? undefined
        : name === "end"
          ? async () => {
              await ask("stop").catch(() => undefined);
              child.kill("SIGKILL");
            }
          : ((target as unknown as Record<string | symbol, unknown>)[name] ??
            ((...args: unknown[]) => ask(String(name), ...args))),
  });
  return remote;
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) void serve();

async function serve(): Promise<void> {
  const { startFarSide } = await import("./far-side.ts");
  const far = await startFarSide();
  process.on("disconnect", () => process.exit(0));
  process.on("message", ({ id, method, args }: Ask) => {
    const { url, irc, deadIrc } = far;
    const work =
      method === "places"
        ? Promise.resolve({ url, irc, deadIrc })
        : Promise.resolve((far[method as keyof FarSide] as (...given: unknown[]) => unknown)(...args));
    work.then(
      (value) => process.send?.({ id, value }),
      (error: unknown) => process.send?.({ id, error: String(error) }),
    );
  });
}
