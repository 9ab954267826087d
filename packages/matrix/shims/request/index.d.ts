declare namespace request {
  interface Options {
    readonly uri?: string;
    readonly url?: string;
    readonly method?: string;
    readonly qs?: Readonly<Record<string, unknown>> | null;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Uint8Array;
    /** `null`: the body comes as a Buffer. */
    readonly encoding?: null;
    readonly timeout?: number;
  }
  interface Response {
    readonly statusCode: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | Uint8Array;
  }
  type Callback = (failure: Error | null, response?: Response, body?: string | Uint8Array) => void;
}
declare function request(options: request.Options, callback: request.Callback): void;
export = request;
