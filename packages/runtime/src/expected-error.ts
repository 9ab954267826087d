/**
 * Which errors are part of a bridge's life and which are defects: a refused connection is told in words, an exception of ours
 * with its stack. Pure; how an error is printed is the log's matter.
 */
import { types } from "node:util";
import { BridgeError } from "@trestle/core";

/** Codes of the operating system (`ECONNREFUSED`), of undici, of TLS and of the HTTP parser; `ERR_...` of Node itself are misuse by us. */
const systemCode =
  /^(?:E[A-Z0-9]+|UND_ERR_(?!INVALID_ARG)\w+|ERR_(?:SSL|TLS)_\w+|HPE_\w+|CERT_\w+|\w+_CERT\w*|UNABLE_TO_\w+)$/;

/** Also one that another realm made, as Node's own are for code that runs in a sandbox. */
export const isError = (value: unknown): value is Error => value instanceof Error || types.isNativeError(value);

/** A BridgeError that is no defect of ours, an error of the system, or a bare wrapping of one such (`fetch failed`). */
export function isExpected(error: unknown): boolean {
  if (error instanceof BridgeError) return error.code !== "internal";
  if (!isError(error)) return false;
  if (error.name === "AbortError" || error.name === "TimeoutError") return true;
  if ("code" in error && typeof error.code === "string" && systemCode.test(error.code)) return true;
  return error.name === "TypeError" && error.message === "fetch failed" && isExpected(error.cause);
}

/** Its message; where several addresses were tried in vain, the messages of all. */
export function messageOf(error: Error): string {
  const tried: unknown = "errors" in error ? error.errors : undefined;
  if (error.message !== "" || !Array.isArray(tried)) return error.message;
  return tried.map((one: unknown) => (isError(one) ? one.message : String(one))).join("; ");
}
