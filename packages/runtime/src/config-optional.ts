/**
 * The sections that a config may leave out and still be whole: where the secret key stands, public media, acting for people as
 * themselves, and how much of the bridge's life shows in rooms.
 */
import { z } from "zod";
import { days, hostAndPort, httpUrl } from "./config-values.ts";

const yesOrNo = z.boolean({ error: "must be true or false" });
const path = (what: string) => z.string({ error: `must be the path of ${what}` }).min(1, { error: "is empty" });

export function optionalSections(span: string) {
  const keyFile = `./${span}.key`;
  return {
    secrets: z
      .strictObject({
        keyFile: path("the file that holds the secret key").default(keyFile),
        /** For the environment (TRESTLE_SECRETS_KEY): the key itself instead of a file. */
        key: z.string({ error: "must be the secret key as text" }).min(1, { error: "is empty" }).optional(),
      })
      .default({ keyFile }),
    media: z
      .strictObject({
        listen: hostAndPort("127.0.0.1:29312"),
        url: httpUrl("https://media.example.org"),
        expiryDays: days("how long an address of a file can be used")
          .gt(0, { error: "must be more than 0: an address that is over at once opens nothing" })
          .default(30),
        behindProxy: yesOrNo.optional(),
      })
      .optional(),
    double_puppet: z.strictObject({ registration: path("the double-puppet registration") }).optional(),
    notices: z
      .strictObject({
        reactions: yesOrNo.default(false),
        receipts: yesOrNo.default(false),
        status: yesOrNo.default(false),
      })
      .default({ reactions: false, receipts: false, status: false }),
    members: z
      .enum(["lazy", "full", "off"], {
        error:
          "must be lazy (ghosts join when they speak), full (everybody who is there), or off (nobody leaves or joins but by speaking)",
      })
      .default("lazy"),
    spaces: yesOrNo.default(false),
  };
}
