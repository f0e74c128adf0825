// The list of threads, and the title of the one that is shown.

import { address } from "/static/address.js";
import { $, element } from "/static/dom.js";
import { first } from "/static/messages.js";
import { call } from "/static/server.js";
import { sayLine } from "/static/status.js";
import { LOCALE, SAY } from "/static/words.js";

const TITLE = 80; // characters

const [nav, list, heading] = ["threads", "list", "title"].map($);

/** @type {ThreadView[]} */
let threads = [];

export async function listThreads() {
  try {
    ({ threads } = await call("/api/threads"));
  } catch {
    if (!list.childElementCount) sayLine(SAY.unlisted);
    return;
  }
  list.replaceChildren(...threads.map(({ id, title, at }) => {
    const link = element("a", "", element("span", "", named(id, title)), time(at));
    link.href = `#${id}`;
    return element("li", "", link);
  }));
  markThread();
}

/** Mark the thread that is shown: in the list, over the conversation, and on the tab. */
export function markThread() {
  for (const link of nav.querySelectorAll("a")) {
    if (link.hash.slice(1) === (address.thread ?? "")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const begins = first().split("\n")[0].slice(0, TITLE);
  const known = threads.find(({ id }) => id === address.thread);
  heading.textContent = address.thread === null ? SAY.new
    : named(address.thread, known?.title || begins);
  document.title = address.thread === null ? "Parley" : `${heading.textContent} · Parley`;
}

/** @type {(id: string, title?: string) => string} */
const named = (id, title) => title || (id === "board" ? SAY.board : SAY.untitled);

/** @param {string} at */
function time(at) {
  const when = new Date(at);
  const today = when.toDateString() === new Date().toDateString();
  const made = element("time", "", new Intl.DateTimeFormat(LOCALE,
    today ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" }).format(when));
  made.dateTime = at;
  return made;
}
