/** What a Matrix message carries as text, and how large that is. */
import type { TextUnit } from "@trestle/core";
import { measure } from "@trestle/richtext";

/** What a message says. `formattedBody` is absent when `body` says it all; `mentions` is always there on printed texts. */
export interface MatrixText {
  readonly body: string;
  readonly formattedBody?: string;
  readonly mentions?: { readonly userIds: readonly string[]; readonly room: boolean };
}

/** What a text counts against a limit: body and formatted body as they stand in the event's JSON, quotes and escapes included. */
export function matrixTextSize(text: MatrixText, unit: TextUnit): number {
  const formatted = text.formattedBody === undefined ? 0 : measure(JSON.stringify(text.formattedBody), unit);
  return measure(JSON.stringify(text.body), unit) + formatted;
}
