/** How the bridge is, for the status command, `/health` and the metrics. */
import type { BridgeOptions, BridgeStatus } from "./bridge.ts";
import type { Router } from "./router.ts";

export async function bridgeStatus(
  { store, homeserver, connector, clock }: BridgeOptions,
  router: Router,
): Promise<BridgeStatus> {
  const { oldestAtMs, ...counts } = await store.journal.counts();
  const rows = router.all();
  const side = homeserver.status();
  return {
    homeserver: side,
    networks: connector.status(),
    links: {
      active: rows.filter(({ state }) => state === "active").length,
      paused: rows.filter(({ state }) => state === "paused").length,
    },
    jobs: { ...counts, ...(oldestAtMs === undefined ? {} : { oldestAgeMs: clock.now() - oldestAtMs }) },
    ready: side.state === "up",
  };
}
