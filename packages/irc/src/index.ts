// the span
export { ircCapabilities } from "./capabilities.ts";
export { type IrcConfig, ircConfigExample, ircConfigSchema } from "./config.ts";
export { createIrcConnector } from "./connector.ts";
export { ircCodec } from "./markup.ts";
export { ircSpan } from "./span.ts";
