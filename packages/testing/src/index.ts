// ambient

// stores
export { createMemoryStore, type MemoryStore } from "./memory-store.ts";
export { createTestClock, type TestClock } from "./test-clock.ts";
export { createTestLog, createTestMeter, type LogEntry, type TestLog, type TestMeter } from "./test-log.ts";
