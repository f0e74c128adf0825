// A message's own menu: ask about it, sum up from it on.

import { asking } from "/static/inline_input.js";
import { command } from "/static/commands.js";
import { $, button } from "/static/dom.js";
import { find } from "/static/messages.js";
import { SAY } from "/static/words.js";

const QUOTED = 16_000; // characters of a message that is asked about

const log = $("log");

log.addEventListener("click", ({ target }) => {
  const more = target.closest(".more");
  if (more) toggle(more, more.nextSibling.hidden);
});
log.addEventListener("keydown", ({ key, target }) => {
  const more = target.closest(".menu")?.firstChild;
  if (key !== "Escape" || more?.ariaExpanded !== "true") return;
  toggle(more, false);
  more.focus();
});

function toggle(more, shown) {
  const items = more.nextSibling;
  more.ariaExpanded = String(shown);
  items.hidden = !shown;
  if (shown) items.replaceChildren(...entries(more));
}

function entries(more) {
  const article = more.closest("article");
  const message = find(article.dataset.id);
  async function run(name, options) {
    const done = await command(name, options, article);
    if (done) toggle(more, false);
    return done;
  }
  const about = button(SAY.ask, () => asking(about, {
    label: SAY.question, hint: SAY.meaning, needed: false,
    done: (question) => run("ask", { about: (message.view.text || message.view.notice).slice(0, QUOTED), question }),
  }));
  const since = button(SAY.summarize, () => {
    const { view } = find(message.view.after) ?? message; // an answer has the time of its question
    run("summarize", { since: view.at });
  });
  return [about, since];
}
