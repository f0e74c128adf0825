// The messages of the thread that is shown, and their order.

import { address } from "/static/address.js";
import { make, paintSoon } from "/static/article.js";
import { $ } from "/static/dom.js";

const [log, empty] = ["log", "empty"].map($);

/** @type {Map<string, Message>} */
const messages = new Map();

const articles = () => /** @type {HTMLElement[]} */ ([...log.children]);

/** @type {(id: string | undefined) => Message | undefined} */
export const find = (id) => messages.get(id ?? "");

/** The text of the first message. */
export function first() {
  const { text = "", attached = [] } = [...messages.values()].find(({ view }) => !view.mine)?.view ?? {};
  return text || attached.map(({ name }) => name).join(", ");
}

/** Another thread is shown. */
export function clear() {
  messages.clear();
  log.replaceChildren();
  greet();
}

/** A new thread begins with a greeting. */
export function greet() {
  empty.hidden = address.thread !== null || log.childElementCount > 0;
}

/** Show the complete view of the thread. Messages on their way to the server stay, and so do notices. The view may
 * have been made before the server had the newest messages: the first view behind a receipt removes none of them.
 * @param {View[]} views */
export function reconcile(views) {
  const ids = new Set(views.map(({ id }) => id));
  for (const [id, message] of messages) {
    if (ids.has(id) || message.pending) continue;
    if (message.receipted) message.receipted = false;
    else remove(message);
  }
  /** @type {HTMLElement | null} */
  let before = null;
  for (const view of views) {
    const { article } = put(view);
    /** @type {Element | null | undefined} */
    let next = before ? before.nextElementSibling : log.firstElementChild;
    while (next?.classList.contains("told")) next = next.nextElementSibling; // notices stay in their places
    if (article !== next) log.insertBefore(article, next);
    article.classList.remove("fading");
    before = article;
  }
}

/** Show a view in place of the message with its id, or behind the question that it answers. @param {View} view */
export function put(view) {
  let message = messages.get(view.id);
  if (!message) {
    message = make(view);
    messages.set(view.id, message);
    const behind = view.after && articles().findLast(({ dataset: { id, after } }) =>
      id === view.after || after === view.after);
    const before = articles().find(({ dataset: { after, under } }) => [after, under].includes(view.id)); // it came late
    if (behind) (toldUnder(behind).at(-1) ?? behind).after(message.article);
    else if (before) before.before(message.article);
    else log.append(message.article);
  }
  message.view = view;
  message.growing = Boolean(view.buttons?.some(({ action }) => action === "stop"));
  message.receipted = false;
  mark(message, false);
  if (view.anew) replaceOlder(message);
  paintSoon(message);
  greet();
  return message;
}

/** Replace earlier answers once an answer has words. They stay where none come. @param {Message} answer */
function replaceOlder({ view, article, growing }) {
  for (const older of messages.values()) {
    if (older.article === article || older.view.after !== view.after) continue;
    if (view.text || !older.view.text) {
      for (const told of toldUnder(older.article)) told.remove();
      remove(older);
    } else if (!growing) {
      older.article.classList.remove("fading");
    }
  }
}

/** The notices under a message. @type {(article: HTMLElement) => HTMLElement[]} */
export const toldUnder = ({ dataset: { id } }) => articles().filter(({ dataset: { under } }) => under === id);

/** A question that is on its way to the server. @type {(id: string, text: string, files: File[]) => Message} */
export function sending(id, text, files) {
  const attached = files.map(({ name, size }) => ({ kind: "file", name, size, text: "", picture: "", problem: "" }));
  const message = put({ id, mine: false, text, attached });
  mark(message, true);
  return message;
}

/** The receipt of a message has come, maybe before the view of the thread that shows it. @param {Message} message */
export function arrived(message) {
  message.receipted = message.pending;
  mark(message, false);
}

/** @param {Message} message @param {boolean} pending */
function mark(message, pending) {
  message.pending = pending;
  message.article.classList.toggle("pending", pending);
}

/** Remove a message that was not accepted, or was a command. @param {Message} message */
export function withdraw(message) {
  if (messages.get(message.view.id) !== message) return;
  remove(message);
  greet();
}

/** Another turn continues the answer of that turn: only its text is left of it. @param {number} turnId */
export function spend(turnId) {
  for (const message of messages.values()) {
    if (!message.view.buttons?.some(({ turn_id }) => turn_id === turnId)) continue;
    const { text, notice } = message.view;
    message.view = { ...message.view, notice: text ? "" : notice, buttons: [] };
    paintSoon(message);
  }
}

/** A question is being answered anew: fade its earlier answers until the new one has words, unless it has some.
 * @param {HTMLElement | null} article */
export function fade(article) {
  const answers = articles().filter(({ dataset: { after } }) => after === article?.dataset.after);
  if (answers.at(-1) === article) for (const answer of answers) answer.classList.add("fading");
}

/** @param {Message} message */
function remove(message) {
  message.article.remove();
  messages.delete(message.view.id);
}
