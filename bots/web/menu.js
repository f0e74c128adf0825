// The menu of a message: ask about it, summarize from it on.

import { asking } from "/static/inline_input.js";
import { command } from "/static/commands.js";
import { $, button, closest } from "/static/dom.js";
import { find } from "/static/messages.js";
import { SAY } from "/static/words.js";

const QUOTED = 16_000; // characters of a message that is asked about

const log = $("log");

log.addEventListener("click", (event) => {
  const more = closest(event, ".more");
  if (more) toggle(more, more.ariaExpanded !== "true");
});
log.addEventListener("keydown", (event) => {
  const more = /** @type {HTMLElement | undefined} */ (closest(event, ".menu")?.firstElementChild);
  if (event.key !== "Escape" || more?.ariaExpanded !== "true") return;
  toggle(more, false);
  more.focus();
});

/** The text of a message, or the names of its files. @type {(view: View) => string} */
const said = ({ text, notice, attached = [] }) => text || notice || attached.map(({ name }) => name).join(", ");

/** @param {HTMLElement} more @param {boolean} shown */
function toggle(more, shown) {
  const items = /** @type {HTMLElement} */ (more.nextElementSibling);
  more.ariaExpanded = String(shown);
  items.hidden = !shown;
  if (shown) items.replaceChildren(...entries(more));
}

/** @param {HTMLElement} more */
function entries(more) {
  const article = more.closest("article");
  const message = find(article?.dataset.id);
  if (!message) return [];
  /** @type {(name: string, options: Record<string, string>) => Promise<boolean>} */
  async function run(name, options) {
    const done = await command(name, options, message?.view.id);
    if (done) toggle(more, false);
    return done;
  }
  const about = button(SAY.ask, () => asking(about, {
    label: SAY.question, hint: SAY.meaning, needed: false,
    done: (question) => run("ask", { about: said(message.view).slice(0, QUOTED), question }),
  }));
  const since = button(SAY.summarize, () => {
    const { at = "" } = (find(message.view.after) ?? message).view; // an answer has the time of its question
    run("summarize", { since: at });
  });
  return [about, since];
}
