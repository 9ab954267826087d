/** The fake homeserver passes the contract on files, so that journeys on it prove something about the real one. */
import { roomId } from "@trestle/core";
import { createFakeFiles, createFakeHomeserver, describeMedia, type MediaUnderTest } from "../src/index.ts";

const homeserver = createFakeHomeserver();
const files = createFakeFiles("far/");
const taken: Parameters<Parameters<typeof homeserver.start>[0]["take"]>[0][number][] = [];

beforeAll(() =>
  homeserver.start({
    take: async (events) => void taken.push(...events),
    ephemeral: () => undefined,
    openMedia: ({ source }) => files.open(source),
    puppetLost: () => undefined,
    repairRooms: async () => [],
    known: async () => new Set(),
  }),
);
afterAll(() => homeserver.stop(0));

const alice = "@alice:test";
const trial: MediaUnderTest = {
  homeserver,
  files,
  room: async () => {
    const room = homeserver.makeRoom({ members: [homeserver.userId, alice] });
    return room;
  },
  history: async (room) => homeserver.eventsIn(roomId(room)),
  say: (room, content) => homeserver.sendAs(alice, roomId(room), { type: "m.room.message", content }),
  taken: (room) => taken.filter((event) => event.room_id === room),
  upload: async (bytes, mimeType) => homeserver.matrix.files.put(bytes, { mimeType }),
  download: async (mxc) => {
    const file = homeserver.matrix.files.get(mxc);
    if (!file) throw new Error("It is not there");
    return file;
  },
};

describe("the fake homeserver", () => describeMedia(() => trial));
