// One message as an element, and its painting while it grows. Texts of answers are HTML that the server made.
// actions.js handles the buttons of an answer, menu.js the menu of a message.

import { shown } from "/static/attached.js";
import { $, element } from "/static/dom.js";
import { show } from "/static/markdown.js";
import { list } from "/static/sources.js";
import { stick } from "/static/scroll.js";
import { SAY } from "/static/words.js";

/** @type {Record<string, string>} */
export const OPINIONS = { up: SAY.up, down: SAY.down };

/** `view` is the server's view of the message; `growing` while its answer is written. @type {(view: View) => Message} */
export function make(view) {
  const attached = element("div", "attached");
  const body = element("div", "body");
  const notice = element("p", "notice");
  const buttons = element("div", "buttons");
  const content = view.mine ? [body, attached] : [attached, body]; // pictures of an answer follow its text
  const article = element("article", view.mine ? "mine" : "theirs", ...content);
  notice.setAttribute("role", "status");
  const sources = element("div", "sources");
  if (view.mine) article.append(sources, notice);
  article.append(element("div", "foot", buttons, menu()));
  article.ariaLabel = view.mine ? SAY.parley : SAY.you;
  article.dataset.id = view.id;
  article.dataset.after = view.after ?? "";
  return { view, article, attached, body, notice, buttons, sources, growing: false, pending: false, receipted: false };
}

function menu() {
  const [more, items] = [element("button", "more"), element("div", "items")];
  more.type = "button";
  more.ariaLabel = more.title = SAY.more;
  more.ariaExpanded = "false";
  items.hidden = true;
  return element("div", "menu", more, items);
}

/** A button under the answer of a turn. @param {ButtonView} view */
export function action({ action: name, label, turn_id }) {
  const made = element("button", "quiet", label);
  made.type = "button";
  made.dataset.action = name;
  made.dataset.turn = String(turn_id);
  if (name in OPINIONS) {
    made.ariaPressed = "false";
    made.ariaLabel = made.title = OPINIONS[name];
    made.classList.add("thumb", name);
    made.replaceChildren(); // drawn by CSS: not every machine has the characters
  }
  return made;
}

/** @type {Set<Message>} */
const changed = new Set();
let frame = 0;

/** Paint once a frame for any number of views; at once where the browser draws no frames. @param {Message} message */
export function paintSoon(message) {
  changed.add(message);
  if (document.hidden) paintAll();
  else frame ||= requestAnimationFrame(paintAll);
}

function paintAll() {
  cancelAnimationFrame(frame);
  frame = 0;
  for (const message of changed) paint(message);
  changed.clear();
  stick();
}

/** @param {Message} message */
function paint({ view, article, attached, body, notice, buttons, sources, growing }) {
  article.classList.toggle("growing", growing);
  article.setAttribute("aria-busy", String(growing)); // screen readers read it once, when it is whole
  if (view.mine) show(body, view.html ?? []);
  else if (body.dataset.shown !== view.text) quote(body, view);
  body.hidden = !view.text;
  const held = JSON.stringify(view.attached ?? []);
  if (attached.dataset.shown !== held) attached.replaceChildren(...shown(view.attached ?? []));
  attached.dataset.shown = held;
  const cited = JSON.stringify(view.sources ?? null);
  if (sources.dataset.shown !== cited) sources.replaceChildren(...list(view.sources));
  sources.dataset.shown = cited;
  if (notice.textContent !== (view.notice ?? "")) notice.textContent = view.notice ?? "";
  const wanted = JSON.stringify(view.buttons ?? []);
  if (buttons.dataset.shown !== wanted) {
    const focused = buttons.contains(document.activeElement);
    buttons.dataset.shown = wanted;
    buttons.replaceChildren(...(view.buttons ?? []).map(action));
    if (focused) (buttons.querySelector("button") ?? $("box")).focus();
  }
}

/** A person's text as they wrote it; lines that they quote are set apart.
 * @param {HTMLElement} body @param {View} view */
function quote(body, { text, html = [] }) {
  body.dataset.shown = text;
  const [quoted = ""] = /^(?:> ?.*(?:\n+|$))*/.exec(text) ?? [];
  const apart = element("blockquote");
  if (html.length) show(apart, html);
  else apart.append(quoted);
  body.replaceChildren(...(quoted ? [apart] : []), text.slice(quoted.length));
}
