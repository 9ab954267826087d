/**
 * What an admin does with a registration that was just written, in the words of his homeserver. The texts follow each server's
 * own documentation and were tried where docs/operate/ says so.
 */
import type { ServerKind } from "@trestle/matrix";

export interface NextStepFacts {
  readonly span: string;
  readonly what: "span" | "double-puppet";
  readonly server: ServerKind;
  readonly serverName: string;
  /** Absolute path of the registration and its content. */
  readonly path: string;
  readonly text: string;
}

/** Plain text, without tokens unless the homeserver is told them by message. */
export function nextStep(facts: NextStepFacts): string {
  const then =
    facts.what === "span"
      ? `Then: trestle check ${facts.span}\n`
      : `It is one for all spans: let double_puppet.registration of each name this file. Then: trestle check ${facts.span}, and start
the span anew.\n`;
  switch (facts.server) {
    case "synapse":
      return `Next: Synapse reads the file itself. Let Synapse's user read it, add to homeserver.yaml

app_service_config_files:
  - ${facts.path}

and restart Synapse. ${then}`;
    case "dendrite":
      return `Next: Dendrite reads the file itself. Let Dendrite's user read it, add to dendrite.yaml

app_service_api:
  config_files:
    - ${facts.path}

and restart Dendrite. ${then}`;
    case "conduit":
      return adminRoom(facts, `@conduit:${facts.serverName}: register-appservice`, "Conduit", then);
    case "conduwuit":
    case "continuwuity":
      return adminRoom(facts, "!admin appservices register", facts.server, then);
    case "tuwunel":
      return `${adminRoom(facts, "!admin appservices register", "tuwunel", then)}
Or put the file into the folder that \`appservice_dir\` of tuwunel.toml names, and restart tuwunel.
`;
    default:
      return facts.server satisfies never;
  }
}

function adminRoom({ text, serverName }: NextStepFacts, command: string, name: string, then: string): string {
  return `Next: send this message, exactly, in the admin room of ${name} (#admins:${serverName}); it works at once, without a
restart. The message holds the tokens: delete it afterwards.

${command}
\`\`\`
${text.trimEnd()}
\`\`\`

${then}`;
}
