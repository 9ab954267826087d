/** The page's three files, as text: no build, no framework, nothing from elsewhere. */
import type { Stage } from "./stage.ts";

export const html = ({ channel, alias, irc }: Stage): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trestle demo</title>
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body>
<header><h1>Trestle</h1><p>Type on one side; it appears on the other. Each pane shows what a reader on that side sees.</p></header>
<main>
${pane("matrix", "Matrix", `${alias}, as visitor`)}
${pane("irc", "IRC", `${channel} on ${irc.host}:${irc.port}, as visitor`)}
</main>
</body>
</html>
`;

const pane = (side: string, title: string, where: string): string => `<section data-side="${side}">
<h2>${title} <small>${where}</small></h2>
<ol aria-live="polite" aria-label="${title} messages"><li class="empty">Nothing said yet.</li></ol>
<form><label class="hidden" for="say-${side}">Say something on ${title}</label>
<input id="say-${side}" autocomplete="off" maxlength="4000" placeholder="Say something on ${title}"><button>Send</button></form>
<p class="problem" role="alert"></p>
</section>`;

export const style = `:root { color-scheme: light dark; --line: #8884; --accent: #0b7a5e; }
* { box-sizing: border-box; }
body { margin: 0; height: 100vh; display: flex; flex-direction: column; font: 15px/1.45 system-ui, sans-serif; }
header { padding: .6rem 1rem; border-bottom: 1px solid var(--line); display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap; }
h1 { margin: 0; font-size: 1.2rem; color: var(--accent); } header p { margin: 0; opacity: .75; }
main { flex: 1; min-height: 0; display: grid; grid-template-columns: 1fr 1fr; }
section { min-height: 0; min-width: 0; display: flex; flex-direction: column; padding: .6rem 1rem; }
section + section { border-left: 1px solid var(--line); }
h2 { margin: 0 0 .4rem; font-size: 1rem; } small { font-weight: 400; opacity: .7; }
ol { flex: 1; overflow-y: auto; margin: 0; padding: 0; list-style: none; }
li { padding: .15rem 0; overflow-wrap: anywhere; white-space: pre-wrap; } li b.who { color: var(--accent); }
li.event, li.empty { opacity: .65; font-style: italic; }
section[data-side=irc] ol { font-family: ui-monospace, monospace; font-size: .92em; }
form { display: flex; gap: .5rem; padding-top: .5rem; } input { flex: 1; min-width: 0; } input, button { font: inherit; padding: .4rem .6rem; }
.problem { margin: 0; color: #c33; min-height: 1.45em; } .hidden { position: absolute; left: -99rem; }
blockquote { margin: 0; padding-left: .6rem; border-left: 3px solid var(--line); }
@media (max-width: 40rem) { main { grid-template-columns: 1fr; grid-template-rows: 1fr 1fr; } section + section { border-left: 0; border-top: 1px solid var(--line); } }
`;

export const script = String.raw`"use strict";
const allowed = new Set(["B", "STRONG", "I", "EM", "U", "DEL", "S", "CODE", "PRE", "BLOCKQUOTE", "BR", "P", "UL", "OL", "LI"]);

// Copies known elements without any attribute; of the unknown only the text.
function copy(from, to) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) to.append(node.data);
    else if (node.nodeType === Node.ELEMENT_NODE && node.nodeName !== "SCRIPT" && node.nodeName !== "STYLE") {
      const target = allowed.has(node.nodeName) ? to.appendChild(document.createElement(node.nodeName)) : to;
      copy(node, target);
    }
  }
}

const codes = { "\x02": "fontWeight:bold", "\x1d": "fontStyle:italic", "\x1f": "textDecoration:underline", "\x1e": "textDecoration:line-through", "\x11": "fontFamily:monospace" };
const palette = ["#fff", "#000", "#00007f", "#009300", "#f00", "#7f0000", "#9c009c", "#fc7f00", "#cc0", "#00c000", "#009393", "#0aa", "#00f", "#f0f", "#7f7f7f", "#aaa"];

function ircInto(text, to) {
  let on = new Set(), color;
  for (const piece of text.split(/(\x03(?:\d{1,2}(?:,\d{1,2})?)?|\x04(?:[0-9a-f]{6})?|[\x02\x1d\x1f\x1e\x11\x16\x0f])/i)) {
    const code = piece[0];
    if (piece === "") continue;
    if (codes[code]) on.has(code) ? on.delete(code) : on.add(code);
    else if (code === "\x0f") { on = new Set(); color = undefined; }
    else if (code === "\x03") color = palette[parseInt(piece.slice(1), 10)];
    else if (code === "\x04") color = piece.length === 7 ? "#" + piece.slice(1) : undefined;
    else if (code !== "\x16") {
      const span = to.appendChild(document.createElement("span"));
      span.textContent = piece.replace(/\x01ACTION (.*)\x01?/, "* $1").replace(/[\x00-\x1f]/g, "");
      for (const each of on) { const [name, value] = codes[each].split(":"); span.style[name] = value; }
      if (color) span.style.color = color;
    }
  }
}

function show({ side, who, text, markup, kind }) {
  const list = document.querySelector('section[data-side="' + side + '"] ol');
  list.querySelector(".empty")?.remove();
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const item = list.appendChild(document.createElement("li"));
  item.className = kind;
  const name = item.appendChild(document.createElement("b"));
  name.className = "who";
  name.textContent = who + " ";
  const said = item.appendChild(document.createElement("span"));
  if (side === "irc" && markup !== undefined) ircInto(markup, said);
  else if (markup !== undefined) copy(new DOMParser().parseFromString(markup, "text/html").body, said);
  else said.textContent = text;
  if (atEnd) list.scrollTop = list.scrollHeight;
}

const source = new EventSource("/events");
source.onmessage = ({ data }) => show(JSON.parse(data));
source.onopen = () => document.querySelectorAll("ol").forEach((list) => list.replaceChildren());
source.onerror = () => document.querySelectorAll(".problem").forEach((place) => { place.textContent = "The demo has stopped; this page tries again."; });

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const section = form.closest("section"), input = form.querySelector("input"), problem = section.querySelector(".problem");
    const text = input.value;
    if (text.trim() === "") return;
    problem.textContent = "";
    try {
      const answer = await fetch("/say", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ side: section.dataset.side, text }) });
      if (!answer.ok) throw new Error(await answer.text());
      input.value = "";
    } catch (error) {
      problem.textContent = "That was not sent: " + error.message;
    }
  });
}
`;
