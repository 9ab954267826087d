/** What each person decides about himself: bridge-me, name, my-data, erase-me. */
import { isReserved, localpartOf, shownAs, skeleton } from "../names.ts";
import type { Command } from "./command.ts";

const atCommandLine = "Only a person of Matrix can ask for that, in a chat with the bridge.";
const confirmation = "everything";

export const personCommands: readonly Command[] = [
  {
    name: "bridge-me",
    usage: "on | off",
    summary: "Whether what you say is carried to the other side. Without a word: how it is now.",
    level: "relay",
    async run([wanted], { issuer, persons, prefix }) {
      const { user } = issuer;
      if (user === undefined) return atCommandLine;
      const { out, ...rest } = persons.people.of(user);
      switch (wanted?.toLowerCase()) {
        case undefined:
          return out === true
            ? `You are not bridged. \`${prefix} bridge-me on\` changes it.`
            : `You are bridged. \`${prefix} bridge-me off\` changes it.`;
        case "off":
          await persons.people.put(user, { ...rest, out: true });
          return `From now on nothing that you say is carried, wherever this bridge is. What had crossed can still be edited and deleted by you. \`${prefix} bridge-me on\` takes it back.`;
        case "on":
          await persons.people.put(user, rest);
          return "What you say is carried again.";
        default:
          return `Say \`${prefix} bridge-me on\` or \`${prefix} bridge-me off\`.`;
      }
    },
  },
  {
    name: "name",
    usage: "<shown name> | off",
    summary: "Under which name you appear on the other side; off: your name here.",
    level: "relay",
    async run(words, { issuer, persons, homeserver, prefix }) {
      const { user, room } = issuer;
      if (user === undefined) return atCommandLine;
      const { name: before, ...rest } = persons.people.of(user);
      const wanted = words.join(" ");
      if (wanted === "") {
        return before === undefined
          ? `You appear under your name here. \`${prefix} name <name>\` changes it.`
          : `You appear as ${before}. \`${prefix} name off\` changes it.`;
      }
      if (wanted.toLowerCase() === "off") {
        await persons.people.put(user, rest);
        return "You appear under your name here again.";
      }
      const name = shownAs(wanted);
      if (name === undefined) return "Nothing of that name can be seen.";
      const bot = room === undefined ? "" : await homeserver.nameOf(room, homeserver.userId);
      const bots = [localpartOf(homeserver.userId), ...(bot === "" ? [] : [bot])];
      if (isReserved(name, bots) || /@[^\s:@]+:|\[\s*via\b/iu.test(name))
        return "That name is the bridge's, or reads like its marks. Choose another one.";
      await persons.people.put(user, { ...rest, name });
      const note =
        skeleton(name) === skeleton(localpartOf(user))
          ? ""
          : " Where somebody else is called so, your address stands behind it.";
      return `You appear as ${name} from now on.${note}`;
    },
  },
  {
    name: "my-data",
    usage: "",
    summary: "What the bridge keeps of you.",
    level: "relay",
    async run(_words, { issuer, persons, prefix }) {
      const { user } = issuer;
      if (user === undefined) return atCommandLine;
      const { messages, texts, failed, accounts, puppet, joined, directChats } = await persons.data.of(user);
      const { out, name, erasedAtMs } = persons.people.of(user);
      const ties = accounts.map((row) => `${row.name} on ${row.network}`).join(", ");
      return [
        `Of your messages: the ids of ${messages}, with the name you had then unless it was erased; the text of ${texts} of them for a while; ${failed} that did not get across, whole.`,
        `Accounts tied to you: ${ties === "" ? "none" : ties}.`,
        `Acting as you: ${puppet ? "yes, by a login that is kept sealed or by the server's registration" : "no"}.`,
        `Rooms where it is noted when you came: ${joined}. Direct chats with you: ${directChats}. Your reactions, as ids, for a while.`,
        `Decided by you: ${out === true ? "not to be bridged" : "to be bridged"}${name === undefined ? "" : `, shown as ${name}`}${erasedAtMs === undefined ? "" : `; erased on ${new Date(erasedAtMs).toISOString().slice(0, 10)}`}.`,
        `\`${prefix} erase-me\` erases it. What was said in rooms and channels is not kept here and stays there.`,
      ].join("\n");
    },
  },
  {
    name: "erase-me",
    usage: `[${confirmation}]`,
    summary: "Erase what the bridge keeps of you.",
    level: "relay",
    async run([word], { issuer, persons, prefix }) {
      const { user } = issuer;
      if (user === undefined) return atCommandLine;
      if (word?.toLowerCase() !== confirmation) {
        return `This erases your name and texts here, messages that did not get across, your accounts, your login, your chosen name and when you came. It cannot be taken back, and what was said stays where it was said. Say \`${prefix} erase-me ${confirmation}\` to do it.`;
      }
      await persons.data.erase(user);
      await persons.puppetSettled(user);
      const { out } = persons.people.of(user);
      return `Erased. Kept: this chat, that and when you asked for it${out === true ? ", that you are not to be bridged" : ""}, and the bare ids of your messages, so that you can still delete them.`;
    },
  },
];
