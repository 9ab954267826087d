/// <reference types="jest" />
/**
 * The contract suite of the connector port: what the core relies on, whatever the network. It runs against a real wire (a
 * sandbox server) or the fake network; how to look at the far side and how to speak there is told by a ConnectorTrial.
 */
import {
  type Action,
  BridgeError,
  type ChatKey,
  type Connector,
  type ConnectorHost,
  catalogue,
  emptyLookup,
  jobKey,
  type MatrixAuthor,
  type NetworkId,
  type Part,
  partKey,
  type RemoteAction,
  type RemoteEvent,
  type RemoteMessageId,
  remoteMessageId,
  systemClock,
  userId,
} from "@trestle/core";
import { aContent, aMatrixAuthor, aMessage } from "./builders.ts";
import { type ConnectorFiles, describeConnectorFiles } from "./describe-connector-media.ts";
import { createMemoryStore } from "./memory-store.ts";
import { plainToRich } from "./plain-body.ts";
import { hostileStrings } from "./store-trial.ts";
import { createTestLog, createTestMeter } from "./test-log.ts";

export interface ConnectorTrial {
  /** Not started yet; on a network that is up. */
  readonly connector: Connector;
  readonly network: NetworkId;
  /** What a person types for a chat that exists, and one that nobody can mean. */
  readonly chatText: string;
  readonly badChatTexts: readonly string[];
  /** Texts that stand in the chat on the far side by now, in order, as an independent reader sees them. */
  said(chat: ChatKey): Promise<readonly string[]>;
  /** Somebody over there says this in the chat. */
  say(chat: ChatKey, who: string, text: string): Promise<void>;
  /**
   * What the same key sent again after an unknown outcome comes to: recognised (said once), or said again, because the
   * network offers nothing to tell them by. The second is a documented property of the network, not a licence.
   */
  readonly sameKey: "recognised" | "said-again";
  /** From now on the far side answers nothing until the returned function is called; absent where that cannot be done. */
  hang?(chat: ChatKey): Promise<() => void>;
  /** Absent: the network takes no uploads and has no files. */
  readonly files?: ConnectorFiles;
  /** Ends the far side. Called after the connector was stopped. */
  close(): Promise<void>;
}

interface Running extends ConnectorTrial {
  readonly chat: ChatKey;
  readonly host: ConnectorHost;
  readonly events: readonly RemoteEvent[];
}

const author: MatrixAuthor = aMatrixAuthor();
const waitMs = 8_000;

/** Polls until `check` gives something. */
async function until<T>(check: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  const endMs = Date.now() + waitMs;
  for (;;) {
    const found = await check();
    if (found !== undefined) return found;
    if (Date.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await systemClock.wait(10);
  }
}

/** A host that keeps what it is given; `emit` takes a moment, as a disk does. */
function createHost(events: RemoteEvent[], files: ConnectorFiles | undefined): ConnectorHost {
  return {
    emit: async (event) => {
      await systemClock.wait(1);
      events.push(event);
    },
    openMedia: ({ source }) =>
      files?.ofMatrix.open(source) ?? Promise.reject(new BridgeError("media-gone", "nothing is kept here")),
    ask: () => Promise.resolve(undefined),
    kv: createMemoryStore().kv,
    clock: systemClock,
    log: createTestLog(),
    meter: createTestMeter(),
  };
}

function eachRunning(make: () => Promise<ConnectorTrial>): { readonly now: Running } {
  let running: Running | undefined;
  beforeEach(async () => {
    const trial = await make();
    const events: RemoteEvent[] = [];
    const host = createHost(events, trial.files);
    await trial.connector.start(host);
    const chat = trial.connector.parseChat(trial.network, trial.chatText);
    if ("problem" in chat) throw new Error(chat.problem);
    trial.connector.follow(chat);
    await until(async () => ((await trial.connector.describeChat(chat)).joined ? true : undefined), "the join");
    running = { ...trial, chat, host, events };
  });
  afterEach(async () => {
    await running?.connector.stop();
    await running?.close();
    running = undefined;
  });
  return {
    get now() {
      if (!running) throw new Error("a connector runs only inside a test");
      return running;
    },
  };
}

let keys = 0;
const nextKey = () => {
  keys += 1;
  return partKey(jobKey(`contract-${process.pid}-${Date.now()}-${keys}`), 0);
};

async function send({ connector, chat }: Running, text: string, key = nextKey()): Promise<RemoteMessageId> {
  const [part] = connector.plan(chat, aMessage(text), author, emptyLookup);
  if (!part) throw new Error("nothing was planned");
  return connector.sendPart(chat, part, author, key);
}

const isSaid = async ({ said, chat }: Running, text: string): Promise<true | undefined> =>
  (await said(chat)).some((line) => line.includes(text)) ? true : undefined;

const heard = ({ events }: Running): RemoteAction[] =>
  events.flatMap((event) => (event.kind === "action" && event.action.kind === "message" ? [event] : []));

/** One of every action, about messages that may not exist. */
function everyAction(text: string): Action<RemoteMessageId>[] {
  const target = remoteMessageId("no-such-message");
  const content = aContent(text);
  return [
    { kind: "message", content },
    { kind: "message", content: aContent(text, { style: "emote" }) },
    { kind: "message", content: aContent(text, { style: "notice" }), replyTo: target, thread: target },
    { kind: "message", content, quote: { author: text, text } },
    { kind: "message", content: { style: "text", text: [], attachments: [] } },
    {
      kind: "message",
      content: {
        style: "text",
        text: [],
        attachments: [{ kind: "file", name: text, mimeType: "text/plain", byteLength: 3, source: "mxc://test/a" }],
      },
    },
    { kind: "edit", targets: [target], content, before: text },
    { kind: "delete", targets: [target, target], reason: text },
    { kind: "react", target, key: text },
    { kind: "unreact", target, key: text },
    { kind: "typing", active: true },
    { kind: "read", upTo: target },
    { kind: "membership", change: "join" },
    { kind: "membership", change: "leave", reason: text },
    { kind: "moderate", what: "kick", user: userId("@x:test"), reason: text },
  ];
}

/** The suite for one connector; `make` starts a far side of its own each time. */
export function describeConnector(name: string, make: () => Promise<ConnectorTrial>): void {
  describe(`the connector contract: ${name}`, () => {
    describePlanning(make);
    describeSending(make);
    describeHearing(make);
    describeTalkingAbout(make);
    describeFiles(make);
  });
}

function describePlanning(make: () => Promise<ConnectorTrial>): void {
  describe("plan", () => {
    const running = eachRunning(make);

    test("is pure: equal for equal input, and changes nothing of it", () => {
      const { connector, chat } = running.now;
      for (const action of everyAction("hello\nworld")) {
        const before = JSON.stringify(action);
        const parts = connector.plan(chat, action, author, emptyLookup);
        expect(connector.plan(chat, JSON.parse(before), author, emptyLookup)).toEqual(parts);
        expect(JSON.stringify(action)).toBe(before);
      }
    });

    test("gives JSON that can be stored: it comes back as it was", () => {
      const { connector, chat } = running.now;
      for (const text of ["plain", "long ".repeat(2_000), ...hostileStrings]) {
        for (const action of everyAction(text)) {
          const parts: Part[] = connector.plan(chat, action, { ...author, name: text }, emptyLookup);
          expect(JSON.parse(JSON.stringify(parts))).toStrictEqual(parts);
        }
      }
    });

    test("makes nothing of nothing, and bounds the longest text", () => {
      const { connector, chat, network } = running.now;
      const empty: Action<RemoteMessageId> = { kind: "message", content: { style: "text", text: [], attachments: [] } };
      expect(connector.plan(chat, empty, author, emptyLookup)).toEqual([]);
      const endless = connector.plan(chat, aMessage("word ".repeat(100_000)), author, emptyLookup);
      expect(endless.length).toBeGreaterThan(0);
      expect(endless.length).toBeLessThanOrEqual(connector.capabilities(network).text.partsMax);
    });

    test("knows at least how to say a message, and names every limit", () => {
      const { connector, network } = running.now;
      const { actions, text, ageLimitMs } = connector.capabilities(network);
      expect(actions.has("message")).toBe(true);
      expect(text.max).toBeGreaterThan(0);
      expect(text.partsMax).toBeGreaterThan(0);
      expect(ageLimitMs).toBeGreaterThan(0);
    });
  });
}

function describeSending(make: () => Promise<ConnectorTrial>): void {
  describe("sendPart", () => {
    const running = eachRunning(make);

    test("[L1] resolves once the far side has it, with an id of its own for each", async () => {
      const ids = [await send(running.now, "first crossing"), await send(running.now, "second crossing")];
      expect(new Set(ids).size).toBe(2);
      expect(ids.every((id) => typeof id === "string" && id !== "")).toBe(true);
      await until(() => isSaid(running.now, "second crossing"), "the second line");
      const lines = await running.now.said(running.now.chat);
      const at = (text: string) => lines.findIndex((line) => line.includes(text));
      expect(at("first crossing")).toBeLessThan(at("second crossing"));
      expect(at("first crossing")).toBeGreaterThanOrEqual(0);
    });

    test("[L1] the same key again is what the network makes of it", async () => {
      const key = nextKey();
      await send(running.now, "said under one key", key);
      await send(running.now, "said under one key", key);
      await send(running.now, "the end");
      await until(() => isSaid(running.now, "the end"), "the last line");
      const times = (await running.now.said(running.now.chat)).filter((line) => line.includes("said under one key"));
      expect(times).toHaveLength(running.now.sameKey === "recognised" ? 1 : 2);
    });

    test("into a chat that we are not in rejects with a BridgeError of the catalogue", async () => {
      const { connector, chat } = running.now;
      connector.unfollow(chat, "done");
      await until(async () => ((await connector.describeChat(chat)).joined ? undefined : true), "the parting");
      const error = await send(running.now, "nobody hears this").catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(BridgeError);
      expect(Object.keys(catalogue)).toContain((error as BridgeError).code);
    });

    test("what hangs when the connector stops rejects with network-down, and so does what comes later", async () => {
      const { connector, chat, hang } = running.now;
      const release = await hang?.(chat);
      const hanging = hang ? send(running.now, "hangs").catch((thrown: unknown) => thrown) : undefined;
      await systemClock.wait(20);
      await connector.stop();
      if (hanging) expect(await hanging).toMatchObject({ name: "BridgeError", code: "network-down" });
      await expect(send(running.now, "too late")).rejects.toMatchObject({ code: "network-down" });
      release?.();
    });

    test("[S1] hostile text is said or refused with a BridgeError, and the line stays usable", async () => {
      const { connector, chat } = running.now;
      for (const text of hostileStrings) {
        for (const part of connector.plan(chat, aMessage(`x${text}x`), { ...author, name: text }, emptyLookup)) {
          await connector.sendPart(chat, part, { ...author, name: text }, nextKey()).catch((error: unknown) => {
            expect(error).toBeInstanceOf(BridgeError);
          });
        }
      }
      await send(running.now, "still here");
      await until(() => isSaid(running.now, "still here"), "the last line");
    });
  });
}

function describeHearing(make: () => Promise<ConnectorTrial>): void {
  describe("emit", () => {
    const running = eachRunning(make);

    test("[C1] what is said over there is emitted once, in order, each under a key and an id of its own", async () => {
      const { say, chat, network } = running.now;
      const texts = Array.from({ length: 12 }, (_, index) => `line ${index}`);
      for (const text of texts) await say(chat, "Bob", text);
      const actions = await until(() => {
        const found = heard(running.now);
        return found.length >= texts.length ? found : undefined;
      }, "twelve lines");
      expect(actions.map(({ action }) => (action.kind === "message" ? action.content.text : []))).toEqual(
        texts.map(plainToRich),
      );
      expect(new Set(actions.map(({ key }) => key)).size).toBe(texts.length);
      expect(new Set(actions.map(({ id }) => id)).size).toBe(texts.length);
      for (const action of actions) {
        expect(action.chat).toEqual(chat);
        expect(action.sender).toMatchObject({ network, name: "Bob" });
        expect(Math.abs(action.sentAtMs - Date.now())).toBeLessThan(60_000);
        expect(JSON.parse(JSON.stringify(action))).toStrictEqual(action);
      }
    });

    test("the same words twice are two events", async () => {
      const { say, chat } = running.now;
      await say(chat, "Bob", "again");
      await say(chat, "Bob", "again");
      const actions = await until(() => (heard(running.now).length >= 2 ? heard(running.now) : undefined), "both");
      expect(new Set(actions.map(({ key }) => key)).size).toBe(2);
    });

    test("[L1] what we said ourselves does not come back", async () => {
      const { say, chat } = running.now;
      await send(running.now, "our own words");
      await say(chat, "Bob", "somebody else's");
      await until(() => (heard(running.now).length > 0 ? true : undefined), "the other line");
      expect(JSON.stringify(heard(running.now))).not.toContain("our own words");
    });
  });
}

function describeFiles(make: () => Promise<ConnectorTrial>): void {
  describe("files", () => {
    const running = eachRunning(make);
    describeConnectorFiles(() => ({
      connector: running.now.connector,
      chat: running.now.chat,
      author,
      files: running.now.files,
      nextKey,
    }));
  });
}

function describeTalkingAbout(make: () => Promise<ConnectorTrial>): void {
  describe("chats and status", () => {
    const running = eachRunning(make);

    test("follow and unfollow may come twice", async () => {
      const { connector, chat } = running.now;
      connector.follow(chat);
      connector.follow(chat);
      await send(running.now, "after following again");
      connector.unfollow(chat, "done");
      connector.unfollow(chat, "done");
      await until(async () => ((await connector.describeChat(chat)).joined ? undefined : true), "the parting");
      connector.follow(chat);
      await until(async () => ((await connector.describeChat(chat)).joined ? true : undefined), "the return");
      await send(running.now, "after returning");
    });

    test("parseChat gives one key for one chat, and a sentence for what is none", () => {
      const { connector, network, chatText, badChatTexts, chat } = running.now;
      expect(connector.parseChat(network, chatText)).toEqual(chat);
      expect(connector.parseChat(network, chat.id)).toEqual(chat);
      for (const text of ["", ...badChatTexts]) {
        const answer = connector.parseChat(network, text);
        expect(answer).toHaveProperty("problem");
        const { problem } = answer as { readonly problem: string };
        expect(problem).toMatch(/^\p{Lu}.*[.!?]$/u);
        expect(problem).not.toMatch(/[\r\n]/);
      }
    });

    test("describes the chat and its people", async () => {
      const { connector, chat, say, network } = running.now;
      await say(chat, "Bob", "I am here");
      await until(() => (heard(running.now).length > 0 ? true : undefined), "his line");
      const { sender } = heard(running.now)[0] as RemoteAction;
      expect(await connector.describeChat(chat)).toMatchObject({ name: expect.any(String), joined: true });
      expect(await connector.describeUser(network, sender.id)).toMatchObject({ id: sender.id, network, name: "Bob" });
      expect(await connector.describeMembers(chat)).toEqual(
        expect.arrayContaining([expect.objectContaining({ id: sender.id, name: "Bob" })]),
      );
    });

    test("status names every network and its state, before and after the end", async () => {
      const { connector, network } = running.now;
      expect(connector.status().find((one) => one.network === network)).toMatchObject({ state: "up" });
      await connector.stop();
      await connector.stop();
      expect(connector.status().find((one) => one.network === network)?.state).not.toBe("up");
    });
  });
}
