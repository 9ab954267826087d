/** People by the registration endpoint of a shared secret, which Synapse and Dendrite have alike. */
import { createHmac } from "node:crypto";
import { personOf, type SandboxPerson } from "@trestle/sandbox";

/** A person with a token; logs in when the name is taken by an earlier call with this password. */
export async function registerBySecret(
  url: string,
  secret: string,
  name: string,
  password = "correct horse",
): Promise<SandboxPerson> {
  const path = `${url}/_synapse/admin/v1/register`;
  const { nonce } = (await (await fetch(path)).json()) as { nonce: string };
  const mac = createHmac("sha1", secret).update([nonce, name, password, "notadmin"].join("\0")).digest("hex");
  const body = JSON.stringify({ nonce, username: name, password, admin: false, mac });
  const answer = await fetch(path, { method: "POST", body });
  const session = (await answer.json()) as Readonly<Record<string, unknown>>;
  if (answer.ok) return personOf(url, session);
  if (session["errcode"] !== "M_USER_IN_USE") throw new Error(`registering ${name}: ${JSON.stringify(session)}`);
  const login = { type: "m.login.password", identifier: { type: "m.id.user", user: name }, password };
  const again = await fetch(`${url}/_matrix/client/v3/login`, { method: "POST", body: JSON.stringify(login) });
  return personOf(url, (await again.json()) as Readonly<Record<string, unknown>>);
}
