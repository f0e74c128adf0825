// Parley's page: its frame, and its start. Each part of it is a file of its own.

import "/static/actions.js";
import { address, push } from "/static/address.js";
import "/static/commands.js";
import "/static/composer.js";
import { $, all, closest } from "/static/dom.js";
import "/static/menu.js";
import { sayFault } from "/static/status.js";
import { deafen, go, listen, listening } from "/static/thread.js";
import { listThreads } from "/static/threads.js";
import { SAY, TAG } from "/static/words.js";

const HIDDEN_MS = 20_000; // a tab hidden for so long closes its connection: browsers allow six

const [nav, box] = ["threads", "box"].map($);

// On a narrow window the list is a drawer: the browser's own popover, with its Escape and its focus.
const narrow = matchMedia("(max-width: 47.99rem)");
function fold() {
  if (narrow.matches) nav.popover = "auto";
  else nav.removeAttribute("popover");
}
narrow.addEventListener("change", fold);
fold();

nav.addEventListener("click", (event) => {
  const link = /** @type {HTMLAnchorElement | null} */ (closest(event, "a"));
  if (narrow.matches && closest(event, "a, button")) nav.hidePopover();
  if (!link) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the browser opens another tab or window
  event.preventDefault(); // hashchange comes later: a question sent before it would go to the thread that is left
  const thread = link.hash.slice(1) || null;
  if (thread !== address.thread) push(thread);
  if (thread !== address.thread || thread === null) go(thread);
  sayFault();
  box.focus();
});
addEventListener("hashchange", () => {
  const thread = location.hash.slice(1) || null;
  if (thread !== address.thread) go(thread);
});

let away = 0;
addEventListener("visibilitychange", () => {
  clearTimeout(away);
  if (document.hidden) {
    away = setTimeout(deafen, HIDDEN_MS);
  } else {
    listThreads();
    if (!listening()) listen();
  }
});
addEventListener("online", listen);

document.documentElement.lang = TAG;
for (const made of all("[data-say]")) made.textContent = SAY[made.dataset.say ?? ""];
for (const made of all("[data-label]")) made.ariaLabel = SAY[made.dataset.label ?? ""];
for (const made of all("[title]")) made.title = made.ariaLabel ?? "";
go(address.thread);
listThreads();
box.focus();
