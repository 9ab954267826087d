/**
 * The bot SDK's MatrixClient for everything that is not hot: it knows the client-server API's many small calls. Its HTTP layer is
 * replaced by ours (its own has no retry-after, no pool and a colliding transaction id), and it is loaded at the first call, since
 * it costs 0.2 s and 15 MB that a bridge with nothing to set up need not pay.
 */
import type { UserId } from "@trestle/core";
import type { MatrixClient } from "@vector-im/matrix-bot-sdk";
import type { Call, Client, JsonObject } from "./client.ts";

/** The SDK's calls, made as this user. */
export type Sdk = (as: UserId) => Promise<MatrixClient>;

export function createSdk(client: Client, url: string): Sdk {
  let loading: Promise<typeof import("@vector-im/matrix-bot-sdk")> | undefined;
  const load = () => {
    loading ??= import("@vector-im/matrix-bot-sdk");
    return loading;
  };

  return async (as) => {
    const library = await load();
    // No token in there: it never makes a request of its own.
    const matrix = new library.MatrixClient(url, "");
    matrix.impersonateUserId(as);
    matrix.doRequest = (method, endpoint, query, body): Promise<JsonObject> => {
      const { user_id: _, ...rest } = (query ?? {}) as Record<string, unknown>;
      const search = searchOf(rest);
      return client.call({
        method: method as Call["method"],
        path: endpoint.startsWith("/") ? endpoint : `/${endpoint}`,
        as,
        ...(search === "" ? {} : { query: search }),
        ...(body === null || body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    };
    return matrix;
  };
}

function searchOf(query: Readonly<Record<string, unknown>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  return search.toString();
}
