/**
 * Stands in for the abandoned `request`: the one call form that the bot SDK uses, `(options, callback)`, over the fetch that
 * comes with Node. packages/matrix gives the SDK its own transport, so this serves only code that makes a client by itself.
 */
"use strict";

const query = (qs) => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(qs ?? {})) {
    if (value === undefined || value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
};

async function exchange(options) {
  const target = String(options.uri ?? options.url);
  const response = await fetch(
    target + (target.includes("?") ? query(options.qs).replace("?", "&") : query(options.qs)),
    {
      method: options.method ?? "GET",
      headers: options.headers ?? {},
      body: options.body ?? null,
      redirect: "manual",
      signal: AbortSignal.timeout(options.timeout ?? 60_000),
    },
  );
  const bytes = Buffer.from(await response.arrayBuffer());
  const body = options.encoding === null ? bytes : bytes.toString("utf8");
  return { statusCode: response.status, headers: Object.fromEntries(response.headers), body };
}

function request(options, callback) {
  if (typeof options !== "object" || options === null || typeof callback !== "function") {
    throw new Error("request stand-in: only request(options, callback) is offered; use undici");
  }
  exchange(options).then(
    (response) => callback(null, response, response.body),
    (failure) => callback(failure),
  );
}

module.exports = request;
