/** The commands, one list; finds the one meant and runs it for whom it is permitted to. */
import { asBridgeError } from "../errors.ts";
import { atLeast } from "../permit.ts";
import { accountCommands } from "./account-commands.ts";
import type { Command, CommandContext } from "./command.ts";
import { healthCommands } from "./health-commands.ts";
import { linkCommands } from "./link-commands.ts";
import { linksCommand } from "./links-command.ts";
import { personCommands } from "./person-commands.ts";

const help: Command = {
  name: "help",
  usage: "",
  summary: "This list.",
  level: "relay",
  async run(_words, { issuer, prefix }) {
    const level = issuer.levelIn(undefined);
    const lines = commands
      .filter((command) => atLeast(level, command.level))
      .map(({ name, usage, summary }) => `${prefix} ${name}${usage === "" ? "" : ` ${usage}`} — ${summary}`);
    return lines.join("\n");
  },
};

export const commands: readonly Command[] = [
  help,
  ...linkCommands,
  linksCommand,
  ...healthCommands,
  ...accountCommands,
  ...personCommands,
];

/** Answers one line as typed after the prefix; never rejects: what went wrong is the answer. */
export async function runCommand(line: string, context: CommandContext): Promise<string> {
  const [name = "help", ...words] = line
    .trim()
    .split(/\s+/u)
    .filter((word) => word !== "");
  const command = commands.find((candidate) => candidate.name === name.toLowerCase());
  if (command === undefined)
    return `There is no command “${name.slice(0, 40)}”. \`${context.prefix} help\` lists them.`;
  if (!atLeast(context.issuer.levelIn(undefined), command.level)) {
    return `\`${name}\` is for ${command.level}s of this bridge; ask its admin.`;
  }
  try {
    return await command.run(words, context);
  } catch (thrown) {
    const error = asBridgeError(thrown);
    return `That did not work: ${error.detail || error.message}`;
  }
}
