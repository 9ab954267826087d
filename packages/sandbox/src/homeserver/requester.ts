/** Who asks: a person by an access token, or an appservice as one of its users (`user_id`). By the rules of the profile. */
import type { AccessTokens } from "./access-tokens.ts";
import type { Appservice, Appservices } from "./appservices.ts";
import type { Database } from "./database.ts";
import { forbidden, MatrixFault, serverBroke } from "./fault.ts";
import type { Profile } from "./profile.ts";

export interface Requester {
  readonly user: string;
  readonly token: string;
  readonly device?: string;
  readonly service?: Appservice;
  readonly guest: boolean;
}

export interface RequesterRules {
  readonly profile: Profile;
  readonly serverName: string;
  readonly database: Database;
  readonly appservices: Appservices;
  readonly tokens: AccessTokens;
}

/** The bearer token of a request, checked for form only. */
export function tokenOf(
  profile: Profile,
  authorization: string | undefined,
  query: URLSearchParams,
): string | undefined {
  const header = authorization?.startsWith("Bearer ") ? authorization.slice(7) : undefined;
  const inQuery = query.get("access_token") ?? undefined;
  if (header !== undefined && inQuery !== undefined && profile.mixedTokensRefused) {
    throw new MatrixFault(
      401,
      "M_MISSING_TOKEN",
      "Mixing Authorization headers and access_token query parameters is not allowed.",
    );
  }
  return header ?? inQuery;
}

/** Resolves a token to who asks; throws 401 and 403 as the profile does. */
export function requesterOf(rules: RequesterRules, token: string | undefined, query: URLSearchParams): Requester {
  if (token === undefined) throw new MatrixFault(401, "M_MISSING_TOKEN", "Missing access token");
  const service = rules.appservices.byToken(token);
  if (service) return serviceRequester(rules, service, token, query);
  const owner = rules.tokens.ownerOf(token);
  if (!rules.database.users.has(owner.user)) throw serverBroke("Internal server error");
  return { user: owner.user, device: owner.device, token, guest: owner.guest };
}

function serviceRequester(
  rules: RequesterRules,
  service: Appservice,
  token: string,
  query: URLSearchParams,
): Requester {
  const { profile, database } = rules;
  const asked = query.get("user_id");
  const user = asked ?? service.botId;
  const known = database.users.has(user);
  if (user !== service.botId) {
    const foreign = !user.endsWith(`:${rules.serverName}`);
    if (foreign || !service.ownsUser(user))
      throw new MatrixFault(
        ...(foreign ? profile.foreignUser : profile.outsideNamespace),
        `Application service cannot masquerade as this user (${user}).`,
      );
    if (!known) throw forbidden(`Application service has not registered this user (${user})`);
  } else if (!known && profile.botMustRegister) throw forbidden("User does not exist.");
  const device = query.get("device_id") ?? query.get("org.matrix.msc3202.device_id");
  if (device === null || profile.unknownDevice === undefined) return { user, token, service, guest: false };
  if (asked === null && profile.bareDeviceBreaks) throw serverBroke("Internal server error");
  if (!database.devices.get(user)?.has(device))
    throw new MatrixFault(
      ...profile.unknownDevice,
      `Application service trying to use a device that doesn't exist (${device})`,
    );
  return { user, token, service, device, guest: false };
}
