/**
 * Names of networks in a config: those that the span's section makes, and those that links and permissions speak of. A name that
 * is made nowhere is a mistake that can be told before anything is opened. What a chat of a network is called is not known here.
 */
import { matrixNetwork } from "@trestle/core";
import type { ConfigProblem } from "./config-problems.ts";
import type { SharedConfig } from "./config-shape.ts";
import { nearestName } from "./nearest-name.ts";

/** What is wrong with the names of networks: those of the section `span`, and those that other sections name. */
export function networkProblems(
  span: string,
  networks: readonly string[],
  { links, permissions }: Pick<SharedConfig, "links" | "permissions">,
): ConfigProblem[] {
  const named = [
    ...links.map(({ network }, index) => ({ network, path: ["links", index, "network"] })),
    ...Object.entries(permissions).flatMap(([actor, given]) =>
      typeof given === "string"
        ? []
        : Object.keys(given).map((network) => ({ network, path: ["permissions", actor, network] })),
    ),
  ];
  return [
    ...networks.flatMap((network) => {
      const message = slugProblem(network);
      return message === undefined ? [] : [{ path: [span, "networks", network], message }];
    }),
    ...named
      .filter(({ network }) => !networks.includes(network))
      .map(({ network, path }) => ({ path, message: unknownNetwork(network, networks) })),
  ];
}

function slugProblem(network: string): string | undefined {
  const why = "a network's name becomes part of its ghosts' ids";
  // ghosts of Matrix people would be mistaken for that network's
  if (network === matrixNetwork)
    return `cannot be called "${network}": ${why}, and there "${network}" stands for Matrix itself. Choose another`;
  if (!/^[a-z0-9-]+$/.test(network)) return `must be of lower-case letters, digits and hyphens only: ${why}`;
  return undefined;
}

function unknownNetwork(network: string, known: readonly string[]): string {
  const nearest = nearestName(network, known);
  const meant = nearest === undefined ? "" : ` Did you mean "${nearest}"?`;
  const there = known.length === 0 ? "It has none" : `It has: ${known.join(", ")}`;
  return `names "${network.slice(0, 100)}", a network that this config does not have.${meant} ${there}`;
}
