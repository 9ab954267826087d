/// <reference types="jest" />
/**
 * The contract suite of the Homeserver port: what the core may rely on, whichever homeserver is behind it. Run on the sandbox's
 * profiles in `npm test` and on a real Synapse end to end: where they differ, the sandbox is wrong. Call it at the top level
 * of a test file.
 */
import { userId } from "@trestle/core";
import { describeIngest } from "./describe-homeserver-ingest.ts";
import { describeMedia, type MediaUnderTest } from "./describe-homeserver-media.ts";
import { describePuppets, type PuppetsUnderTest } from "./describe-homeserver-puppets.ts";
import { describeRepair } from "./describe-homeserver-repair.ts";
import { describeRoomLife } from "./describe-homeserver-room-life.ts";
import { describeRooms } from "./describe-homeserver-rooms.ts";
import { describeSending } from "./describe-homeserver-sending.ts";
import { describeUpgrades } from "./describe-homeserver-upgrades.ts";
import {
  createTrialHost,
  freshName,
  type HomeserverContract,
  type HomeserverTrial,
  type Running,
} from "./homeserver-trial.ts";

/** `make` builds a fresh server with nothing started on our side; it is closed at the end. */
export function describeHomeserver(
  name: string,
  make: () => Promise<HomeserverTrial>,
  contract: HomeserverContract = { restartsServer: false, losesAnswers: false },
): void {
  describe(`the Homeserver port on ${name}`, () => {
    let running: Running | undefined;
    let stop: (() => Promise<void>) | undefined;
    beforeAll(async () => {
      const trial = await make();
      stop = () => trial.close();
      const opened = await open(trial);
      running = opened;
      stop = async () => {
        await opened.homeserver.stop(1_000);
        await trial.close();
      };
    });
    afterAll(() => stop?.());
    const get = (): Running => {
      if (!running) throw new Error("It did not start");
      return running;
    };
    describeSending(get, contract);
    describeRooms(get);
    describeRoomLife(get);
    describeUpgrades(get);
    describeMedia(() => mediaOf(get()));
    describePuppets(() => puppetsOf(get()));
    describeIngest(get);
    describeRepair(get, contract);
  });
}

function mediaOf({ homeserver, host, room, alice }: Running): MediaUnderTest {
  const { upload, download } = alice;
  if (!upload || !download) throw new Error("Whoever tries files has to upload and download them himself");
  return {
    homeserver,
    files: host.files,
    room,
    history: (here) => alice.history(here),
    say: (here, content) => alice.say(here, content),
    taken: (here) => host.taken.filter((event) => event.room_id === here),
    upload,
    download,
  };
}

/** People with sessions of their own at the server. */
function puppetsOf(running: Running): PuppetsUnderTest {
  const { trial, alice, host, homeserver, room } = running;
  return {
    homeserver,
    host,
    reader: alice,
    room,
    person: async () => {
      const person = await trial.person(freshName("pat"));
      const { token, request } = person;
      if (token === undefined || request === undefined) throw new Error("these people have no sessions");
      const endToken = async () => void (await request("POST", "/v3/logout", {}));
      return { userId: userId(person.userId), token, say: person.say, endToken };
    },
  };
}

async function open(trial: HomeserverTrial): Promise<Running> {
  const host = createTrialHost();
  let homeserver = trial.open();
  await homeserver.start(host);
  await trial.settled(homeserver);
  const alice = await trial.person(freshName("alice"));
  return {
    trial,
    host,
    alice,
    get homeserver() {
      return homeserver;
    },
    reopen: async () => {
      await homeserver.stop(1_000);
      homeserver = trial.open();
      await homeserver.start(host);
      await trial.settled(homeserver);
    },
    room: async (wanted = {}) => {
      const room = await alice.createRoom({ preset: "public_chat", room_version: "11", ...wanted });
      await alice.invite(room, homeserver.userId);
      await homeserver.joinRoom(room);
      host.link(room);
      return room;
    },
  };
}
