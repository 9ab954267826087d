// ambient

// builders
export { aContent, aJob, aMatrixAuthor, aMessage, aRemoteAuthor } from "./builders.ts";
// codecs
export { type CodecContract, describeCodec, strayControls } from "./describe-codec.ts";
export { type ConnectorTrial, describeConnector } from "./describe-connector.ts";
// the homeserver port
export { describeHomeserver } from "./describe-homeserver.ts";
export { describeMedia, type MediaUnderTest } from "./describe-homeserver-media.ts";
export { describeStore } from "./describe-store.ts";
// a remote network and a homeserver in process
export { createFakeConnector, type FakeConnector, type FakeConnectorOptions } from "./fake-connector.ts";
export { createFakeHomeserver, type FakeHomeserver, type FakeHomeserverOptions } from "./fake-homeserver.ts";
export { createFakeMatrix, type FakeMatrix, type FakeRoom, type NewEvent, type NewRoom } from "./fake-matrix.ts";
export { createFakeFiles, type FakeFile, type FakeFiles, readMedia } from "./fake-media.ts";
export { createFakeNetwork, type FakeNetwork, type SaidLine } from "./fake-network.ts";
export {
  createTrialHost,
  type HomeserverContract,
  type HomeserverTrial,
  type TrialEvent,
  type TrialPerson,
} from "./homeserver-trial.ts";
export { hostileDocuments, hostileSnippets, hostileText } from "./hostile-text.ts";
// stores
export { createMemoryStore, type MemoryStore } from "./memory-store.ts";
export { plainToRich, richToPlain } from "./plain-body.ts";
export { hostileStrings, type OpenStore, type StoreUnderTest } from "./store-trial.ts";
export { createTestClock, type TestClock } from "./test-clock.ts";
export { createTestLog, createTestMeter, type LogEntry, type TestLog, type TestMeter } from "./test-log.ts";
