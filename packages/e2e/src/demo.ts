/**
 * `npm run demo`: the whole of it on one machine, with no account anywhere. Scripted people talk first and every crossing is
 * printed with its latency; then it stays up with a page to type in. `--once` ends after the script, 0 only when everything crossed.
 */
import { parseArgs } from "node:util";
import { startPage } from "./demo/page.ts";
import { type Memory, scenes } from "./demo/scenes.ts";
import { buildStage, type HomeserverKind, type Stage } from "./demo/stage.ts";

const help = `Options: --once  end after the script; the exit code says whether everything crossed
         --homeserver sandbox|synapse  what to run it on (sandbox)
         --port N  the page's port (0: any free one)`;

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      once: { type: "boolean", default: false },
      homeserver: { type: "string", default: "sandbox" },
      port: { type: "string", default: "0" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    say(help);
    return 0;
  }
  if (values.homeserver !== "sandbox" && values.homeserver !== "synapse") {
    say(`There is no homeserver “${values.homeserver}” to run the demo on.\n${help}`);
    return 64;
  }
  const stopped = interrupted();
  const stage = await setUp(values.homeserver);
  try {
    const failed = await play(stage);
    if (values.once) return failed === 0 ? 0 : 1;
    const page = await startPage(stage, Number(values.port));
    invite(stage, page.url);
    await stopped;
    await page.stop();
    return failed === 0 ? 0 : 1;
  } finally {
    say("Stopping.");
    await stage.stop();
  }
}

async function setUp(kind: HomeserverKind): Promise<Stage> {
  say("\nTrestle demo: two worlds and a bridge, all on this machine.\n");
  const startedAt = performance.now();
  const stage = await buildStage(kind, (step) => say(`  starting ${step}`));
  say(`  up after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s\n`);
  return stage;
}

/** Plays every scene; how many failed. */
async function play(stage: Stage): Promise<number> {
  const memory: Memory = {};
  let failed = 0;
  for (const scene of scenes) {
    const startedAt = performance.now();
    try {
      const seen = await scene.play(stage, memory);
      const ms = (performance.now() - startedAt).toFixed(0);
      say(`  ✓ ${scene.direction}  ${scene.title.padEnd(28)} ${ms.padStart(5)} ms   ${printable(seen)}`);
    } catch (error) {
      failed++;
      say(
        `  ✗ ${scene.direction}  ${scene.title.padEnd(28)}    did not cross: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  say(
    `\n  ${scenes.length - failed} of ${scenes.length} crossed, as an independent reader on the far side saw them.\n`,
  );
  return failed;
}

/** IRC's codes made visible, and short enough for a terminal. */
function printable(seen: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const shown = seen.replace(/[\u0000-\u001f\u007f]/gu, "·");
  return shown.length > 90 ? `${shown.slice(0, 90)}…` : shown;
}

function invite({ homeserver, irc, channel, room, alias, password }: Stage, url: string): void {
  say(`Open  ${url}`);
  say("  to type on either side and see it on the other.\n");
  say("Or join with an IRC client of your own:");
  say(`  /connect ${irc.host} ${irc.port}   (no TLS)   then   /join ${channel}`);
  if (homeserver.kind === "synapse") {
    say("\nOr with a Matrix client of your own:");
    say(`  homeserver ${homeserver.url}, user visitor, password “${password}”, room ${alias}`);
  } else {
    say(
      `\nThe room is ${room} on ${homeserver.url}; \`npm run demo -- --homeserver synapse\` gives one that any Matrix client can join.`,
    );
  }
  say("\nCtrl-C stops everything.");
}

/** One Ctrl-C comes several times: from the terminal, and from each parent that passes it on. */
const sameSignalMs = 1_000;

/** Resolves at the first SIGINT or SIGTERM; one that comes later ends the process at once. */
function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const onSignal = (code: number) => () => {
      if (firstAt !== undefined && performance.now() - firstAt > sameSignalMs) process.exit(code);
      firstAt ??= performance.now();
      resolve();
    };
    process.on("SIGINT", onSignal(130)).on("SIGTERM", onSignal(143));
  });
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(`The demo could not go on: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(70);
  },
);
