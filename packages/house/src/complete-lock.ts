/** Run after `npm install` changed package-lock.json: adds the platform packages that the registry at hand does not have. */
import { completeLockFile } from "./lock-file.ts";

console.log(`package-lock.json: ${completeLockFile()} entries added`);
