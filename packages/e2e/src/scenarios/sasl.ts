/** The bot's account on a network with services: logged in before it is seen, and never seen without the login. */
import { quickIrcNetwork } from "../span.ts";
import type { Stage } from "../stage.ts";
import { claim, crossesToIrc, crossesToMatrix, mark, pause, type Scenario } from "./scenario.ts";

/** The account that the services of the stage know. */
export const saslAccount = { account: "trestle", password: "right password" } as const;

export const saslLogin: Scenario = async (stage, report, where) => {
  await report.check(`${where}: the bot logs in by SASL and is seen with its account`, () => loggedIn(stage));
  await report.check(`${where}: with a wrong SASL password it stays away and says why`, () => refused(stage));
};

async function loggedIn(stage: Stage): Promise<void> {
  const { carol, botNick } = stage;
  const before = carol.lines.length;
  carol.send(`WHOIS ${botNick}`);
  await carol.wait((line) => line.command === "318", 10_000, before);
  const account = carol.lines.slice(before).find((line) => line.command === "330");
  claim(account?.params[2] === saslAccount.account, `WHOIS shows the account ${account?.params[2] ?? "none"}`);
  await crossesToIrc(stage, mark("with an account"));
  await crossesToMatrix(stage, mark("to one with an account"));
}

async function refused({ span, irc, carol, channel, botNick }: Stage): Promise<void> {
  await span.stop("TERM");
  const before = carol.lines.length;
  const sasl = { ...saslAccount, password: "wrong password" };
  span.configure({ networks: { local: quickIrcNetwork(irc.host, irc.port, { sasl }) } });
  await span.start({ until: "alive" });
  await pause(4000);
  const joined = carol.lines.slice(before).some((line) => line.command === "JOIN" && line.nick === botNick);
  claim(!joined, `it came into ${channel} without its account`);
  const { out, err } = await span.command(["ask", "--config", span.config, "status"]);
  claim(/sasl|login|account/i.test(out), `the status does not say why: ${out}${err}`);
  claim(!out.includes(sasl.password) && !span.log().includes(sasl.password), "the password is shown");
}
