/** What people of the network say to the bridge in private, and the answers: their account, and what they decide themselves. */
import type { Accounts, Tie } from "./accounts.ts";
import type { Log } from "./ambient.ts";
import type { RemoteAuthor } from "./author.ts";
import type { UserId } from "./ids.ts";
import type { People } from "./people.ts";
import type { PersonDataDesk } from "./person-data.ts";

export interface AskOptions {
  readonly accounts: Accounts;
  readonly people: People;
  readonly data: PersonDataDesk;
  /** Says something to a Matrix person in his direct chat with the bot; `key` makes it once. */
  readonly tell: (user: UserId, text: string, key: string) => Promise<void>;
  readonly prefix: string;
  readonly log: Log;
}

export type Ask = (by: RemoteAuthor, text: string, proven: boolean) => Promise<string | undefined>;

const help =
  "I carry what is said here to Matrix and back. You can say to me: optout (what you say is no longer carried), optin, whoami, " +
  "my data, erase, and the code that I gave you on Matrix to tie your account there to this one.";
const toErase = "erase yes";

export function createAsk(options: AskOptions): Ask {
  const { accounts, people, data, log } = options;

  const answer = async (by: RemoteAuthor, text: string, proven: boolean): Promise<string> => {
    const proof = await accounts.prove(by, text, proven);
    if (proof.kind !== "none") return proofText(options, by, proof);
    switch (text.trim().toLowerCase().replace(/\s+/gu, " ")) {
      case "optout":
        if (!(await people.putRemote(by, true)))
          return "I cannot remember any more people; please ask the bridge's admin.";
        return "From now on nothing that you say is carried. What you said before can still be edited and deleted. Say optin to take it back.";
      case "optin": {
        await people.putRemote(by, false);
        if (!people.isRemoteOut(by)) return "What you say is carried again.";
        return `You said on Matrix that you are not to be bridged; say \`${options.prefix} bridge-me on\` there.`;
      }
      case "whoami": {
        const owner = accounts.ownerOf(by.network, by.id);
        const who = owner === undefined ? "tied to nobody on Matrix" : `tied to ${owner}`;
        return `To me you are ${by.id}${proven ? "" : " (the network does not vouch for it: you are not logged in there)"}, ${who}.`;
      }
      case "my data":
      case "mydata": {
        const { messages, texts } = await data.ofRemote(by);
        const owner = accounts.ownerOf(by.network, by.id);
        const tie = owner === undefined ? "no tie to anybody on Matrix" : `a tie to ${owner}`;
        const out = people.isRemoteOut(by) ? "you are not bridged" : "you are bridged";
        return `I keep ids of ${messages} messages of yours, the text of ${texts} of them for a while, ${tie}; ${out}. Say erase to have it erased.`;
      }
      case "erase":
        return `This erases your name and texts from my memory, and the tie to Matrix; what was said stays where it was said. Say “${toErase}” to do it.`;
      case toErase: {
        await data.eraseRemote(by);
        // Who only has the name must not untie whose account it is.
        if (proven) await untie(by);
        return "Erased. If you said optout, that is still so.";
      }
      default:
        return help;
    }
  };

  const untie = async (by: RemoteAuthor): Promise<void> => {
    const owner = accounts.ownerOf(by.network, by.id);
    if (owner === undefined) return;
    await accounts.forget({ network: by.network, remoteUser: by.id });
    await options.tell(
      owner,
      `${by.name} on ${by.network} is no longer tied to you: it was undone from there.`,
      `untied/${crypto.randomUUID()}`,
    );
  };

  return async (by, text, proven) => {
    try {
      return await answer(by, text.slice(0, 500), proven);
    } catch (err) {
      log.error({ network: by.network, err }, "a question from the network was not answered");
      return "That did not work; please try again later.";
    }
  };
}

/** Tells everybody concerned, once; the code is over then. */
export async function tellOfTie(
  { tell, prefix, accounts }: Pick<AskOptions, "tell" | "prefix" | "accounts">,
  tie: Tie,
): Promise<void> {
  const { account, was, asked } = tie;
  const { user, name, network } = account;
  const undo = `\`${prefix} account forget ${network} ${name}\` undoes it.`;
  await tell(user, `You are ${name} on ${network} from now on. ${undo}`, `tied/${asked}`);
  if (was !== undefined) {
    await tell(was, `${name} on ${network} is no longer tied to you: it proved to be ${user}'s.`, `untied/${asked}`);
  }
  await accounts.finish(tie);
}

async function proofText(
  options: AskOptions,
  by: RemoteAuthor,
  proof: Awaited<ReturnType<Accounts["prove"]>>,
): Promise<string> {
  const { prefix } = options;
  switch (proof.kind) {
    case "tied":
      await tellOfTie(options, proof.tie);
      return `Done: on Matrix you are ${proof.tie.account.user}.`;
    case "unproven":
      return (
        `The network does not vouch for who you are, so I cannot believe it: log in to your account of ${by.network} first ` +
        "(on IRC: with SASL or by identifying to services), then say the code again."
      );
    case "too-many":
      return "That were too many wrong codes. Wait ten minutes, then ask for a new one on Matrix.";
    case "wrong":
      return `I know no such code, or its ten minutes are over. Ask for a new one on Matrix: \`${prefix} account tie ${by.network}\`.`;
    case "none":
      return help;
  }
}
