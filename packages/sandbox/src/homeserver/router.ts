/** From method and path to a route, through a tree of path segments; `:name` takes any segment. */
import { MatrixFault } from "./fault.ts";

interface Node<Route> {
  readonly children: Map<string, Node<Route>>;
  param?: Node<Route>;
  readonly routes: Map<string, Route>;
}

export interface Router<Route> {
  add(method: string, path: string, route: Route): void;
  /** The route and the segments that its `:names` took, decoded, in order; throws 404 or 405 M_UNRECOGNIZED. */
  find(method: string, path: string): { readonly route: Route; readonly params: string[] };
}

export function createRouter<Route>(): Router<Route> {
  const root: Node<Route> = { children: new Map(), routes: new Map() };
  return {
    add: (method, path, route) => {
      let node = root;
      for (const segment of path.split("/").slice(1)) {
        const fresh: Node<Route> = { children: new Map(), routes: new Map() };
        if (segment.startsWith(":")) {
          node.param ??= fresh;
          node = node.param;
        } else {
          const next = node.children.get(segment) ?? fresh;
          node.children.set(segment, next);
          node = next;
        }
      }
      node.routes.set(method, route);
    },
    find: (method, path) => {
      const params: string[] = [];
      let node: Node<Route> | undefined = root;
      let start = 1;
      while (node && start <= path.length) {
        const slash = path.indexOf("/", start);
        const end = slash < 0 ? path.length : slash;
        const segment = path.slice(start, end);
        start = end + 1;
        const literal: Node<Route> | undefined = node.children.get(segment);
        if (literal) node = literal;
        else {
          node = node.param;
          if (node) params.push(decode(segment));
        }
      }
      const route = node?.routes.get(method);
      if (route !== undefined) return { route, params };
      if (node && node.routes.size > 0) throw new MatrixFault(405, "M_UNRECOGNIZED", "Unrecognized request");
      throw new MatrixFault(404, "M_UNRECOGNIZED", "Unrecognized request");
    },
  };
}

function decode(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new MatrixFault(400, "M_INVALID_PARAM", "The path is not UTF-8");
  }
}
