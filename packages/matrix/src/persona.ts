/**
 * Per-message profiles (MSC4144): what a sender says to be for one message, and the name that clients without them are shown in
 * front of the text. https://github.com/matrix-org/matrix-spec-proposals/pull/4144
 */
import type { Persona } from "@trestle/core";

type Bag = Readonly<Record<string, unknown>>;

const nameMax = 256;
const idMax = 255;
// only in front of everything, where the proposal puts it: anywhere else it is what somebody wrote
const fallbackHtml =
  /^(\s*(?:<p>\s*)?)<strong\s[^<>]{0,64}data-mx-profile-fallback[^<>]{0,64}>[^<>]{0,512}<\/strong>\s*/i;

const bag = (value: unknown): Bag | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Bag) : undefined;

/** Who the sender says to be in this content; undefined when he is himself. */
export function personaOf(content: Bag): Persona | undefined {
  const profile = profileOf(content);
  const { id, displayname, avatar_url: avatar } = profile ?? {};
  if (typeof id !== "string" || id === "") return undefined;
  return {
    id: id.slice(0, idMax),
    ...(typeof displayname === "string" && displayname.trim() !== "" ? { name: displayname.slice(0, nameMax) } : {}),
    ...(typeof avatar === "string" && /^mxc:\/\/[^/\s]{1,255}\/[A-Za-z0-9_-]{1,255}$/.test(avatar) ? { avatar } : {}),
  };
}

/** The content without the name in front of its text, where its profile says that there is one. */
export function withoutNameFallback(content: Bag): Bag {
  const { displayname: name, has_fallback: has } = profileOf(content) ?? {};
  if (has !== true || typeof name !== "string") return content;
  const { body, formatted_body: html } = content;
  const prefix = `${name}: `;
  return {
    ...content,
    ...(typeof body === "string" && body.startsWith(prefix) ? { body: body.slice(prefix.length) } : {}),
    ...(typeof html === "string" ? { formatted_body: html.replace(fallbackHtml, "$1") } : {}),
  };
}

function profileOf(content: Bag): Bag | undefined {
  return bag(content["com.beeper.per_message_profile"]) ?? bag(content["m.per_message_profile"]);
}
