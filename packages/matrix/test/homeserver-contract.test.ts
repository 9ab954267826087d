import { describeHomeserver } from "@trestle/testing";
import { sandboxTrial } from "./sandbox-trial.ts";

for (const profile of ["synapse", "conduit", "dendrite"] as const)
  describeHomeserver(`the sandbox's ${profile}`, () => sandboxTrial(profile), {
    restartsServer: true,
    losesAnswers: true,
  });
