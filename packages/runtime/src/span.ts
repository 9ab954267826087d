/** What a span gives the runtime: its name, its own section of the config, and its connector. Nothing else is shared. */
import type { Connector } from "@trestle/core";
import type { ZodType } from "zod";

export interface Span<C> {
  /** `irc`: the key of its config section, the command prefix, part of the ghosts' ids. */
  readonly name: string;
  readonly schema: ZodType<C>;
  /** Its section as `example` prints it, with comments: YAML text whose only top-level key is the span's name. */
  readonly example: string;
  /** The names of its networks: the keys of `networks` in its section. Links and permissions may name no others. */
  networks?(config: C): readonly string[];
  connector(config: C): Connector;
}

/** Where words for people go: `out` is the answer, `err` everything else. Tests give their own. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
}
