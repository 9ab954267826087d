/** Short ways to make the words of the core in tests: every field has an unremarkable default. */
import type { Action, Content, MatrixAuthor, NewJob, RemoteAuthor } from "@trestle/core";
import { jobKey, networkId, portalId, remoteUserId, userId } from "@trestle/core";
import { plainToRich } from "./plain-body.ts";

/** Content of plain text. */
export const aContent = (text = "hello", more: Partial<Content> = {}): Content => ({
  style: "text",
  text: plainToRich(text),
  attachments: [],
  ...more,
});

/** A message of plain text; `more` for what it answers, its thread or its quote. */
export const aMessage = <Ref = never>(
  text = "hello",
  more: Partial<Omit<Extract<Action<Ref>, { kind: "message" }>, "kind">> = {},
): Extract<Action<Ref>, { kind: "message" }> => ({ kind: "message", content: aContent(text), ...more });

export const aMatrixAuthor = (more: Partial<MatrixAuthor> = {}): MatrixAuthor => ({
  userId: userId("@alice:test"),
  name: "Alice",
  ...more,
});

export const aRemoteAuthor = (name = "Bob", more: Partial<RemoteAuthor> = {}): RemoteAuthor => ({
  network: networkId("fakenet"),
  id: remoteUserId(name.toLowerCase()),
  name,
  ...more,
});

let jobs = 0;
/** A job whose key is new in this process. */
export const aJob = (more: Partial<NewJob> = {}): NewJob => {
  jobs += 1;
  return {
    portal: portalId(1),
    lane: "outward",
    key: jobKey(`job-${jobs}`),
    author: "@alice:test",
    createdAtMs: 1_790_000_000_000,
    body: '{"n":1}',
    ...more,
  };
};
