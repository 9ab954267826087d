/**
 * The structured log: one JSON object a line, or a readable line for a terminal, through pino. Everything passes the redactor
 * first. Where it goes is decided by whoever runs us: standard output.
 */
import type { Log, LogFields } from "@trestle/core";
import { type DestinationStream, pino } from "pino";
import { createRedactor, type Redactor } from "./redact.ts";

export interface LogOptions {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "json" | "pretty";
  /** Values that must never appear. */
  readonly secrets: readonly string[];
  /** Standard output unless given. */
  readonly write?: (line: string) => void;
}

export function createLog({ level, format, secrets, write }: LogOptions): Log {
  const out = write ?? ((line: string) => process.stdout.write(line));
  const stream: DestinationStream = { write: format === "json" ? out : (line) => out(prettyLine(line)) };
  const root = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: "msg",
      // The redactor has made plain data of errors; pino's own serializer would give them a stack again.
      serializers: { err: (fields: unknown) => fields },
    },
    stream,
  );
  return wrap(root, createRedactor(secrets), {});
}

function wrap(target: pino.Logger, redactor: Redactor, bound: LogFields): Log {
  const at = (level: "debug" | "info" | "warn" | "error") => (fields: LogFields, message: string) => {
    // Redacting costs more than logging, so what nobody sees is not redacted either.
    if (target.isLevelEnabled(level)) target[level](redactor.fields({ ...bound, ...fields }), redactor.text(message));
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => wrap(target, redactor, { ...bound, ...fields }),
  };
}

/** `12:30:01 WARN  irc libera: refused  attempt=3`: for eyes, not for machines. */
function prettyLine(line: string): string {
  const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 19);
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${fieldText(value)}`);
  const text = [clock, String(level).toUpperCase().padEnd(5), String(msg), ...fields].join(" ");
  // A remote name in a field must not move the cursor or forge a line.
  return `${[...text].map((char) => (isControl(char) ? " " : char)).join("")}\n`;
}

const isControl = (char: string): boolean => {
  const code = char.charCodeAt(0);
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
};

function fieldText(value: unknown): string {
  if (typeof value === "string") return /^[\w./:@#!-]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === "object" && value !== null && "stack" in value) {
    const { stack, ...rest } = value as Record<string, unknown>;
    return `${JSON.stringify(rest)} ${String(stack).split("\n").slice(1, 4).join(" <- ").replace(/\s+/g, " ")}`;
  }
  return JSON.stringify(value) ?? "undefined";
}
