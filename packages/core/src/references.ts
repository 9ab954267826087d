/**
 * What an action refers to: collected here, looked up once (message-map.ts), then translated (translate.ts). Pure.
 */
import type { Action } from "./action.ts";
import type { MessageRow } from "./store.ts";

/** Every message that the action acts on or points at. */
export function referencesOf<Ref>(action: Action<Ref>): Ref[] {
  switch (action.kind) {
    case "message":
      return [action.replyTo, action.thread].filter((ref) => ref !== undefined);
    case "edit":
    case "delete":
      return [...action.targets];
    case "react":
    case "unreact":
      return [action.target];
    case "read":
      return [action.upTo];
    case "typing":
    case "membership":
    case "moderate":
      return [];
  }
}

/** The rows of each referenced message, primary part first; a missing key is an unknown target. */
export type References<Ref> = ReadonlyMap<Ref, readonly MessageRow[]>;
