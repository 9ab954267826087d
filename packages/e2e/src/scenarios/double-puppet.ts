/** One person on both sides: what he says on IRC is on Matrix as himself, once; what keeps it from being so is named, or said to him. */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse, stringify } from "yaml";
import type { IrcObserver } from "../observers/irc-observer.ts";
import type { SeenEvent } from "../observers/matrix-observer.ts";
import type { InspircdServices } from "../servers/inspircd-services.ts";
import type { Stage } from "../stage.ts";
import {
  bodyOf,
  claim,
  crossesToIrc,
  eventually,
  hasJoined,
  isMessage,
  isNotice,
  mark,
  order,
  pause,
  reconfigure,
  type Scenario,
} from "./scenario.ts";

const account = "alicia";

interface Person {
  /** Her direct chat with the bot. */
  readonly direct: string;
  readonly irc: IrcObserver;
  /** The double-puppet registration as the bridge has it, and as the homeserver gets it. */
  readonly right: string;
  readonly given: string;
}

export function doublePuppet(services: InspircdServices): Scenario {
  return async (stage, report, where) => {
    const person = await prepare(stage, services);
    const check = (what: string, run: () => Promise<void>): Promise<boolean> => report.check(`${where}: ${what}`, run);
    await check("the self-check names the mistakes with the double-puppet registration", () => mistakes(stage, person));
    await check("an account of IRC is tied by a code", () => tie(stage, person));
    await check("her own line of IRC is on Matrix once, as herself, and nothing echoes", () => herself(stage, person));
    await check("by her own token: another's is refused, hers works, and its event is taken back", () =>
      ownToken(stage, person),
    );
    await check("a token that was logged out is noticed within a minute and said to her; nothing is lost", () =>
      lostToken(stage, person),
    );
  };
}

async function prepare(stage: Stage, services: InspircdServices): Promise<Person> {
  const { alice, bot, span } = stage;
  const irc = await stage.ircPerson(account);
  await services.login(account, account);
  const direct = await alice.createRoom({ preset: "private_chat", is_direct: true, room_version: "11", invite: [bot] });
  await hasJoined(alice, direct, bot);
  const folder = dirname(span.config);
  return { direct, irc, right: join(folder, "doublepuppet.yaml"), given: join(folder, "given.yaml") };
}

/** What `ping-matrix` answers. */
async function ping(stage: Stage, { direct }: Person): Promise<string> {
  return bodyOf(await order(stage, direct, "ping-matrix", /I can(?:not)? act as you/));
}

async function names(stage: Stage, person: Person, ...patterns: readonly RegExp[]): Promise<void> {
  const answer = await ping(stage, person);
  for (const pattern of patterns) claim(pattern.test(answer), `${pattern} is not named in: ${answer}`);
}

async function mistakes(stage: Stage, person: Person): Promise<void> {
  const { homeserver, span } = stage;
  await names(stage, person, /no double-puppet registration and no login/);
  const made = await span.command([
    "register",
    "double-puppet",
    "--server",
    homeserver.registerAs,
    "--config",
    span.config,
  ]);
  claim(made.code === 0, `register double-puppet ended with ${made.code}: ${made.err}`);
  await reconfigure(stage, { double_puppet: { registration: person.right } });
  await names(stage, person, /does not know the double-puppet registration/);
  const right = parse(readFileSync(person.right, "utf8")) as Registration;
  const users = right.namespaces.users;
  await give(stage, person, {
    ...right,
    url: "http://127.0.0.1:9",
    rate_limited: true,
    namespaces: { ...right.namespaces, users: users.map((one) => ({ ...one, exclusive: true })) },
  });
  // the first login within the limit passes; the stand-in limits none
  await ping(stage, person);
  await names(stage, person, /url/, /exclusive/, ...(homeserver.sandbox ? [] : [/limits the rate/]));
  const others = users.map((one) => ({ ...one, regex: `^@nobody-.*:${homeserver.serverName}$` }));
  await give(stage, person, { ...right, namespaces: { ...right.namespaces, users: others } });
  await names(stage, person, /does not cover/);
  await give(stage, person, right);
  await names(stage, person, /I can act as you/);
}

interface Registration {
  readonly namespaces: { readonly users: readonly { readonly regex: string; readonly exclusive: boolean }[] };
}

/** The homeserver has it from now on, right or wrong. */
async function give({ homeserver }: Stage, { given }: Person, registration: object): Promise<void> {
  writeFileSync(given, stringify(registration));
  await homeserver.addRegistration(given);
  await pause(500);
}

async function tie(stage: Stage, { direct, irc }: Person): Promise<void> {
  const answer = await order(stage, direct, "account tie", /^tie /m);
  const code = /^tie (\S+)/m.exec(bodyOf(answer))?.[0];
  claim(code !== undefined, `there is no code in: ${bodyOf(answer)}`);
  const before = irc.lines.length;
  irc.send(`PRIVMSG ${stage.botNick} :${code}`);
  await irc.wait((line) => line.nick === stage.botNick && /alice/.test(line.raw), 10_000, before);
  await order(stage, direct, "account", new RegExp(`You are ${account} on`));
}

/** She says it on IRC; who said it on Matrix. */
async function saysOnIrc({ alice, room, channel }: Stage, { irc }: Person, text: string): Promise<SeenEvent> {
  const since = alice.seen.length;
  irc.say(channel, text);
  return alice.wait(room, (event) => isMessage(event) && bodyOf(event).includes(text), { since, what: `"${text}"` });
}

async function herself(stage: Stage, person: Person): Promise<void> {
  const { alice, carol, channel, room } = stage;
  const text = mark("as myself");
  const event = await saysOnIrc(stage, person, text);
  claim(event.sender === alice.userId, `it was said by ${event.sender}`);
  claim(
    /^trestle-/.test(String(event.content["fi.mau.double_puppet_source"])),
    "it does not say that the bridge said it",
  );
  await crossesToIrc(stage, mark("from her client, after it"));
  await pause(1000);
  const heard = carol.messages(channel).filter((one) => one.text.includes(text));
  claim(heard.length === 1, `it was heard ${heard.length} times on IRC`);
  const standing = (await alice.history(room)).filter((one) => isMessage(one) && bodyOf(one).includes(text));
  claim(standing.length === 1, `it stands ${standing.length} times in the room`);
}

async function ownToken(stage: Stage, person: Person): Promise<void> {
  const { alice, carol, homeserver } = stage;
  await reconfigure(stage, {});
  const other = await homeserver.person("othello");
  await refusedToken(stage, person, other.token, /is of @othello/);
  const { access_token: token } = await alice.request("POST", "/login", {
    type: "m.login.password",
    identifier: { type: "m.id.user", user: "alice" },
    password: "correct horse",
  });
  const said = await alice.say(person.direct, `login-matrix ${token}`);
  await alice.wait(person.direct, isNotice(stage, /^Done/), { since: 0, what: "the success of the login" });
  await eventually(
    async () => !JSON.stringify(await alice.history(person.direct)).includes(String(token)),
    "the token can still be read",
  );
  const kept = (await alice.history(person.direct)).find((event) => event.event_id === said);
  claim(kept !== undefined && kept.content["body"] === undefined, "its event was not taken back");
  claim(!stage.span.log().includes(String(token)), "the token is in the log");
  const text = mark("by my token");
  const event = await saysOnIrc(stage, person, text);
  claim(event.sender === alice.userId, `it was said by ${event.sender}`);
  await pause(1000);
  const heard = carol.messages(stage.channel).filter((one) => one.text.includes(text));
  claim(heard.length === 1, `it was heard ${heard.length} times on IRC`);
  tokens.set(stage, String(token));
}

const tokens = new WeakMap<Stage, string>();

async function refusedToken(stage: Stage, { direct }: Person, token: string, why: RegExp): Promise<void> {
  const { alice } = stage;
  const since = alice.seen.length;
  await alice.say(direct, `login-matrix ${token}`);
  await alice.wait(direct, isNotice(stage, why), { since, what: "the refusal of the token" });
}

async function lostToken(stage: Stage, person: Person): Promise<void> {
  const { alice, homeserver } = stage;
  const token = tokens.get(stage);
  claim(token !== undefined, "there was no token to lose");
  const since = alice.seen.length;
  const headers = { authorization: `Bearer ${token}` };
  const out = await fetch(`${homeserver.url}/_matrix/client/v3/logout`, { method: "POST", headers, body: "{}" });
  claim(out.ok, `the logout was answered ${out.status}`);
  await alice.wait(person.direct, isNotice(stage, /log.?in|token/i), { since, withinMs: 60_000, what: "the notice" });
  const event = await saysOnIrc(stage, person, mark("after the logout"));
  claim(event.sender !== alice.userId, "it was said by herself all the same");
  await names(stage, person, /Your login is over|expired/);
}
