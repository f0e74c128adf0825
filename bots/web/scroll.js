// Scrolls to the latest text, unless the reader has scrolled up.

import { $ } from "/static/dom.js";

const NEAR = 40; // pixels above the end that still count as the end

const [scroll, latest, box] = ["scroll", "latest", "box"].map($);

let following = true;
let from = 0;

/** Scroll to the end, and stay there. */
export function follow() {
  following = true;
  stick();
}

/** Scroll to the beginning of the newest message, or to the end if all of the message is seen there.
 * @param {HTMLElement} article */
export function read(article) {
  following = article.offsetHeight <= scroll.clientHeight;
  if (!following) article.scrollIntoView();
  stick();
}

/** Content has grown: a reader at the end stays at the end. */
export function stick() {
  if (following) scroll.scrollTop = scroll.scrollHeight;
  latest.hidden = following;
}

scroll.addEventListener("scroll", () => {
  const gap = scroll.scrollHeight - scroll.clientHeight - scroll.scrollTop;
  if (gap < NEAR) following = true;
  else if (scroll.scrollTop < from) following = false;
  from = scroll.scrollTop;
  latest.hidden = following || gap < NEAR;
}, { passive: true });
latest.addEventListener("click", () => { follow(); box.focus(); });
new ResizeObserver(stick).observe(scroll);
