/**
 * The homeserver is killed after it took a message and before it answered, and then the span too, and both start again; again and
 * again: nothing may come twice, nothing may be missing.
 */

import type { SandboxHomeserver } from "@trestle/sandbox";
import { judgeDelivery, labels, labelsIn } from "../observers/judge-delivery.ts";
import type { Stage } from "../stage.ts";

export interface LostAnswersVerdict {
  readonly deaths: number;
  readonly missing: readonly string[];
  readonly doubled: readonly string[];
  readonly disordered: readonly string[];
  readonly problems: readonly string[];
}

/** Needs the sandbox homeserver, which can be told when to die. */
export async function runLostAnswers(stage: Stage, times: number): Promise<LostAnswersVerdict> {
  const { sandbox } = stage.homeserver;
  if (!sandbox) throw new Error("only the sandbox homeserver can die at will");
  const said = labels("answer", times);
  let deaths = 0;
  for (const label of said) {
    const dead = Promise.withResolvers<void>();
    sandbox.faults.answerThenDie({
      count: 1,
      match: { method: "PUT", path: /\/send\/m\.room\.message\//, room: stage.room },
      // biome-ignore lint/suspicious/noThenProperty: the fault is named so, and it is no promise
      then: () => {
        deaths++;
        restartBoth(stage, sandbox).then(dead.resolve, dead.reject);
      },
    });
    stage.carol.say(stage.channel, label);
    await within(dead.promise, 60_000, `the homeserver never got ${label}`);
    const known = (event: { content: Readonly<Record<string, unknown>> }): boolean =>
      String(event.content["body"] ?? "").includes(label);
    await stage.alice.wait(stage.room, known, { since: 0, withinMs: 30_000, what: label });
  }
  // a late second attempt would come now
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const texts = (await stage.alice.history(stage.room))
    .filter((event) => event.type === "m.room.message")
    .map((event) => String(event.content["body"] ?? ""));
  const { missing, doubled, disordered } = judgeDelivery(said, labelsIn(texts, "answer"));
  const problems = [
    ...(deaths === times ? [] : [`the homeserver died ${deaths} times instead of ${times}`]),
    ...(missing.length > 0 ? [`missing: ${missing.join(", ")}`] : []),
    ...(doubled.length > 0 ? [`doubled: ${doubled.join(", ")}`] : []),
    ...(disordered.length > 0 ? [`out of order: ${disordered.join(", ")}`] : []),
  ];
  return { deaths, missing, doubled, disordered, problems };
}

/** The span dies before it learns that nobody will answer, or finds the connection broken: both happen. */
async function restartBoth(stage: Stage, sandbox: SandboxHomeserver): Promise<void> {
  await Promise.all([sandbox.restart("kill", 60), stage.span.stop("KILL")]);
  await stage.span.start({ until: "alive" });
  await stage.waitBotJoined();
}

function within<T>(promise: Promise<T>, ms: number, otherwise: string): Promise<T> {
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error(otherwise)), ms).unref());
  return Promise.race([promise, late]);
}
