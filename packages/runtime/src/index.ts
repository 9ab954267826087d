import "./loading.ts";

export { runSpan } from "./run-span.ts";
export type { Span } from "./span.ts";
