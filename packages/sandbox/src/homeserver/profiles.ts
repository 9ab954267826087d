/** Every profile by its name. */
import type { Profile, ProfileName } from "./profile.ts";
import { conduit, conduwuit, continuwuity, tuwunel } from "./profile-conduit-family.ts";
import { dendrite } from "./profile-dendrite.ts";
import { synapse } from "./profile-synapse.ts";

export const profiles: Readonly<Record<ProfileName, Profile>> = {
  synapse,
  conduit,
  conduwuit,
  continuwuity,
  tuwunel,
  dendrite,
};
export const profileNames = Object.keys(profiles) as readonly ProfileName[];
