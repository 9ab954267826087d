#!/usr/bin/env node
/** The `trestle` command as npm links it: only sees that this Node is new enough, so that an older one gets a sentence. */
import { existsSync } from "node:fs";

if (Number(process.versions.node.split(".")[0]) < 24) {
  process.stderr.write(`trestle needs Node 24 or newer; this is ${process.versions.node}.\n`);
  process.exit(64);
}
const built = new URL("../dist/main.js", import.meta.url);
await import(existsSync(built) ? built.href : new URL("../src/main.ts", import.meta.url).href);
