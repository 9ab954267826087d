/** Files of Matrix on a network that has none: one line with an address that gives the file, safely, for as long as it is there. */
import type { SeenLine } from "../observers/irc-observer.ts";
import { freePort } from "../servers/process.ts";
import type { Stage } from "../stage.ts";
import { claim, eventually, mark, pause, reconfigure, type Scenario } from "./scenario.ts";

/** The smallest picture there is: one transparent point. */
const picture = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const drawing = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');

export const mediaFiles: Scenario = async (stage, report, where) => {
  await report.guard(`${where}: files`, async () => {
    const listen = `127.0.0.1:${await freePort()}`;
    await reconfigure(stage, { media: { listen, url: `http://${listen}` } });
  });
  await report.check(
    `${where}: a picture is one line with name, size and address, the address gives it, redacted it is gone`,
    () => pictureCrosses(stage),
  );
  await report.check(`${where}: an SVG is only ever given as a download`, () => drawingCrosses(stage));
  await report.check(`${where}: a long text is an address that gives all of it`, () => longText(stage));
  await report.guard(`${where}: files`, () => reconfigure(stage, {}));
};

interface Sent {
  readonly event: string;
  readonly lines: readonly SeenLine[];
  readonly url: string;
}

async function sendFile(stage: Stage, name: string, mimeType: string, bytes: Uint8Array<ArrayBuffer>): Promise<Sent> {
  const { alice, carol, room, channel } = stage;
  const url = await alice.upload(bytes, mimeType, name);
  const msgtype = mimeType.startsWith("image/") ? "m.image" : "m.file";
  const before = carol.lines.length;
  const event = await alice.say(room, {
    msgtype,
    body: name,
    url,
    info: { mimetype: mimeType, size: bytes.byteLength },
  });
  const line = await carol.wait((one) => one.command === "PRIVMSG" && one.raw.includes(name), 15_000, before);
  await pause(300);
  const lines = carol.lines.slice(before).filter((one) => one.command === "PRIVMSG" && one.params[0] === channel);
  return { event, lines, url: addressIn(line) };
}

function addressIn(line: SeenLine): string {
  const found = /https?:\/\/127\.0\.0\.1:\d+\/[^\s\p{Cc}]+/u.exec(line.params[1] ?? "");
  claim(found !== null, `there is no address in: ${line.raw}`);
  return found[0];
}

async function pictureCrosses(stage: Stage): Promise<void> {
  const name = `${mark("cat").replace(" ", "-")}.png`;
  const { event, lines, url } = await sendFile(stage, name, "image/png", picture);
  claim(lines.length === 1, `it became ${lines.length} lines: ${lines.map(({ raw }) => raw).join(" | ")}`);
  const [line] = lines;
  claim(/\b70 B\b/.test(line?.raw ?? ""), `its size is not said: ${line?.raw}`);
  const answer = await fetch(url);
  claim(answer.status === 200, `its address answers ${answer.status}`);
  claim(Buffer.from(await answer.arrayBuffer()).equals(picture), "its address gives something else");
  claim(answer.headers.get("content-type") === "image/png", `it is said to be ${answer.headers.get("content-type")}`);
  claim(answer.headers.get("x-content-type-options") === "nosniff", "browsers may guess its type");
  claim(/sandbox/.test(answer.headers.get("content-security-policy") ?? ""), "browsers may run it");
  // the end of an address is a name for people; what is before it counts
  const forged = await fetch(url.replace(/.(?=\/[^/]*$)/, (last) => (last === "A" ? "Q" : "A")));
  claim(forged.status === 404 || forged.status === 403, `a forged address answers ${forged.status}`);
  await stage.alice.redact(stage.room, event);
  // a transfer under way is cut, and so may a request be that came on its connection
  const status = (): Promise<number> =>
    fetch(url).then(
      (one) => one.status,
      () => 0,
    );
  await eventually(async () => (await status()) === 410, "redacted, it can still be had");
}

async function drawingCrosses(stage: Stage): Promise<void> {
  const name = `${mark("plan").replace(" ", "-")}.svg`;
  const { url } = await sendFile(stage, name, "image/svg+xml", drawing);
  const answer = await fetch(url);
  claim(answer.status === 200, `its address answers ${answer.status}`);
  const disposition = answer.headers.get("content-disposition") ?? "";
  claim(/^attachment/.test(disposition), `it is shown: ${disposition}`);
  claim(/sandbox/.test(answer.headers.get("content-security-policy") ?? ""), "browsers may run it");
}

async function longText({ alice, carol, room }: Stage): Promise<void> {
  const lines = Array.from({ length: 60 }, (_, at) => `line ${at} ${"of a long text ".repeat(20)}`);
  const text = `${mark("a long text")}\n${lines.join("\n")}`;
  const before = carol.lines.length;
  await alice.say(room, text);
  const line = await carol.wait((one) => one.command === "PRIVMSG" && /https?:\/\//.test(one.raw), 20_000, before);
  const answer = await fetch(addressIn(line));
  claim(answer.status === 200, `its address answers ${answer.status}`);
  claim(/^text\/plain/.test(answer.headers.get("content-type") ?? ""), `it is ${answer.headers.get("content-type")}`);
  claim((await answer.text()).includes(lines.at(-1)?.trim() ?? ""), "its address does not give all of it");
  const heard = carol.lines.slice(before).filter((one) => one.command === "PRIVMSG").length;
  claim(heard <= 6, `it became ${heard} lines`);
}
