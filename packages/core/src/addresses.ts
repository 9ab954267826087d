/**
 * Public addresses for what a network cannot take itself: its files where it takes only addresses, a file too large for it, a
 * text longer than it shows. Asked before degrade.ts, which is pure.
 */
import { plainText } from "@trestle/richtext";
import type { Action } from "./action.ts";
import type { Attachment } from "./attachment.ts";
import type { Capabilities } from "./capabilities.ts";
import type { Content } from "./content.ts";
import type { Homeserver, MatrixEvent } from "./homeserver.ts";

type Publish = Pick<Homeserver, "publish">;

/** The same action with `url` on each file and text that needs one; unchanged when none does, or none can be made. */
export async function withAddresses<Ref>(
  homeserver: Publish,
  capabilities: Capabilities,
  event: MatrixEvent | undefined,
  action: Action<Ref>,
): Promise<Action<Ref>> {
  if (event === undefined || (action.kind !== "message" && action.kind !== "edit")) return action;
  const { content } = action;
  const wanted = content.attachments.some((file) => needsAddress(capabilities, file));
  const url = wanted ? await homeserver.publish(event, "file") : undefined;
  const textUrl = mayBeCut(capabilities, content) ? await homeserver.publish(event, "text") : undefined;
  if (url === undefined && textUrl === undefined) return action;
  const attachments = content.attachments.map((file) =>
    url !== undefined && needsAddress(capabilities, file) ? { ...file, url } : file,
  );
  return { ...action, content: { ...content, attachments, ...(textUrl === undefined ? {} : { textUrl }) } };
}

export function needsAddress({ attachments, attachmentBytesMax }: Capabilities, file: Attachment): boolean {
  if (attachments === "url") return true;
  return attachments === "upload" && attachmentBytesMax !== undefined && (file.byteLength ?? 0) > attachmentBytesMax;
}

/** Whether the text may not fit into the parts a message may have: parts are often shorter than their limit. */
function mayBeCut({ text }: Capabilities, content: Content): boolean {
  const said = plainText(content.text);
  const lines = said.split("\n").length;
  return said.length > (text.max * text.partsMax) / 4 || lines > text.partsMax;
}
