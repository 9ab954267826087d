/** All probes. The sandbox's profiles are held to them, and so is a real Synapse: a difference is the sandbox's defect. */
import { identityProbes } from "./identity.ts";
import { readingProbes } from "./reading.ts";
import { roomsProbes } from "./rooms.ts";
import { sendingProbes } from "./sending.ts";
import type { WireProbe } from "./wire.ts";

export const wireProbes: readonly WireProbe[] = [...identityProbes, ...sendingProbes, ...roomsProbes, ...readingProbes];
