/** Claims about the real servers, in the words that they were written down with when measured, and each profile held to them. */
import type { ProfileName } from "../src/homeserver/profile.ts";
import { createScene, type Scene } from "./homeserver-appservice.ts";

export interface Claim {
  readonly says: string;
  readonly run: (scene: Scene) => Promise<unknown>;
  /** What `run` gives, by profile; those that were not measured are left out. */
  readonly on: { readonly [Name in ProfileName]?: unknown };
}

/** The same on the three that were measured. */
export const onAll = (value: unknown): Claim["on"] => ({ synapse: value, conduit: value, dendrite: value });

export function holdsTo(claims: readonly Claim[]): void {
  const rows = claims.flatMap(({ says, run, on }) =>
    Object.entries(on).map(([profile, expected]) => ({ profile: profile as ProfileName, says, run, expected })),
  );
  let scene: Scene | undefined;
  afterEach(() => scene?.close());

  it.each(rows)("$profile: $says", async ({ profile, run, expected }) => {
    scene = await createScene(profile);
    expect(await run(scene)).toEqual(expected);
  });
}
