export { openStore, type StoreOptions } from "./open-store.ts";
export type { Key } from "./seal.ts";
