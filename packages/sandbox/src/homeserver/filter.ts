/** The part of event filters that bridges and readers use: types, senders, and what not. */
import { isObject, type StoredEvent } from "./event.ts";
import { MatrixFault } from "./fault.ts";

/** From the JSON text of a query, or an already read object. */
export function compileFilter(given: unknown): (event: StoredEvent) => boolean {
  if (given === null || given === undefined || given === "") return () => true;
  const filter = typeof given === "string" ? read(given) : given;
  if (!isObject(filter)) return () => true;
  const types = patterns(filter["types"]);
  const notTypes = patterns(filter["not_types"]);
  const senders = list(filter["senders"]);
  const notSenders = list(filter["not_senders"]);
  return ({ type, sender }) =>
    (types === undefined || types.some((pattern) => pattern.test(type))) &&
    !notTypes?.some((pattern) => pattern.test(type)) &&
    (senders === undefined || senders.includes(sender)) &&
    !notSenders?.includes(sender);
}

function read(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MatrixFault(400, "M_NOT_JSON", "Filter is not JSON");
  }
}

const list = (value: unknown): string[] | undefined =>
  Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === "string") : undefined;

/** `*` stands for any text. */
const patterns = (value: unknown): RegExp[] | undefined =>
  list(value)?.map((text) => new RegExp(`^${text.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*")}$`));
