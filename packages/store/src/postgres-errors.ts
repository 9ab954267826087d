/** PostgreSQL's failures as BridgeErrors. A connection string never stands in one. */
import { BridgeError } from "@trestle/core";

/** Classes of SQLSTATE that say something about one statement: data, constraint, syntax, size. */
const statementClasses: ReadonlySet<string> = new Set(["21", "22", "23", "42", "54"]);

const stateOf = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
};

/** Whether the statement is at fault, and the connection still good. */
export const isStatementError = (error: unknown): boolean => statementClasses.has(stateOf(error)?.slice(0, 2) ?? "");

export function postgresError(error: unknown): BridgeError {
  if (error instanceof BridgeError) return error;
  const message = error instanceof Error ? error.message || error.name : String(error);
  return new BridgeError(isStatementError(error) ? "internal" : "database-failed", `PostgreSQL: ${message}`, {
    cause: error,
  });
}
