/** What a route is and what it is called with. */
import type { JsonObject } from "./event.ts";
import type { Requester } from "./requester.ts";

export interface Call {
  readonly method: string;
  /** As it came, still encoded: transaction ids are kept by it. */
  readonly path: string;
  readonly params: readonly string[];
  readonly query: URLSearchParams;
  readonly body: JsonObject;
  readonly raw: string;
  /** Of a route with `auth: "none"` there is nobody. */
  readonly who: Requester;
  readonly token: string | undefined;
  /** A signal that aborts when the client goes away. */
  readonly gone: () => AbortSignal;
}

/** Answers with JSON (200), or throws a MatrixFault. */
export type Run = (call: Call) => JsonObject | Promise<JsonObject>;

export interface Route {
  readonly auth: "user" | "none";
  /** The body is no JSON: `raw` alone is filled. */
  readonly form?: boolean;
  readonly run: Run;
}

/** Adds a route under every API version it is served by. */
export type Register = (method: string, path: string, run: Run, options?: RouteOptions) => void;

export interface RouteOptions {
  readonly auth?: "user" | "none";
  /** Default: `r0` and `v3`. */
  readonly versions?: readonly string[];
}

export const param = (call: Call, index: number): string => call.params[index] ?? "";

/** The user as Synapse knows whose transaction ids these are. */
export const ownerOf = (who: Requester): string =>
  who.service ? `as ${who.service.id}` : `${who.user} ${who.device ?? ""}`;

/** A whole number from the query, bounded. */
export function numberOf(query: URLSearchParams, name: string, fallback: number, max: number): number {
  const text = query.get(name);
  const value = text === null ? fallback : Number.parseInt(text, 10);
  return Number.isNaN(value) || value < 0 ? fallback : Math.min(value, max);
}
