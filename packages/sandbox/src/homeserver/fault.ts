/** What a homeserver answers when it refuses: status, errcode and text, thrown by any route and printed by http.ts. */
import type { JsonObject } from "./event.ts";

export class MatrixFault extends Error {
  readonly status: number;
  readonly errcode: string;
  readonly extra: JsonObject;

  constructor(status: number, errcode: string, message: string, extra: JsonObject = {}) {
    super(message);
    this.name = "MatrixFault";
    this.status = status;
    this.errcode = errcode;
    this.extra = extra;
  }

  body(): JsonObject {
    return { errcode: this.errcode, error: this.message, ...this.extra };
  }
}

export const forbidden = (message: string): MatrixFault => new MatrixFault(403, "M_FORBIDDEN", message);
export const notFound = (message: string): MatrixFault => new MatrixFault(404, "M_NOT_FOUND", message);
/** The server itself broke: an unhandled exception on Synapse, a panic on Conduit. */
export const serverBroke = (message: string): MatrixFault => new MatrixFault(500, "M_UNKNOWN", message);
