/** Reads a printed line as a client would, and says what is wrong with it. An independent reader: it shares no code with the codec. */

const toggles = new Set(["\x02", "\x11", "\x16", "\x1d", "\x1e", "\x1f"]);

/** Complaints about one line: control bytes that are no codes, codes left on, colour codes that are not two digits. */
export function lineComplaints(line: string): string[] {
  const complaints: string[] = [];
  const on = new Set<string>();
  for (let at = 0; at < line.length; at += 1) {
    const byte = line[at] as string;
    if (toggles.has(byte)) {
      if (!on.delete(byte)) on.add(byte);
    } else if (byte === "\x0f") {
      on.clear();
    } else if (byte === "\x03") {
      const digits = /^\d\d(?:,\d\d)?/.exec(line.slice(at + 1))?.[0];
      if (digits === undefined) complaints.push(`a colour code without two digits at ${at}`);
      else on.add("colour");
      at += digits?.length ?? 0;
      // What follows must not be read as a second colour.
      if (digits?.length === 2 && /^,\d/.test(line.slice(at + 1)))
        complaints.push(`text is taken for a colour at ${at}`);
    } else if (byte < " " || byte === "\x7f" || (byte >= "\x80" && byte <= "\x9f")) {
      complaints.push(`control byte ${JSON.stringify(byte)} at ${at}`);
    } else if (/[\u202a-\u202e\u2066-\u2069]/.test(byte)) {
      complaints.push(`direction override at ${at}`);
    }
  }
  if (on.size > 0) complaints.push(`left on: ${JSON.stringify([...on])}`);
  if (!line.isWellFormed()) complaints.push("half of a surrogate pair");
  if (stripCodes(line).trim() === "") complaints.push("nothing to see");
  return complaints;
}

/** The text that a reader without formatting sees. */
export function stripCodes(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the codes
  return line.replace(/\x03(?:\d{1,2}(?:,\d{1,2})?)?|[\x02\x0f\x11\x16\x1d-\x1f]/g, "");
}
