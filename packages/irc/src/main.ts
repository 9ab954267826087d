/** The process of the IRC span: `run`, `check`, `register`, `example`. */
import { runSpan } from "@trestle/runtime";
import { ircSpan } from "./span.ts";

await runSpan(ircSpan);
