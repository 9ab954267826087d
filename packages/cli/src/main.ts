/** The `trestle` program: hands the command line to trestle.ts and ends with the exit code that comes back. */
import { trestle } from "./trestle.ts";

process.exitCode = await trestle(process.argv.slice(2), (text) => process.stdout.write(text));
