// A text field in the place of the button that was pressed.

import { $, element } from "/static/dom.js";
import { SAY } from "/static/words.js";

const LONGEST = 1000; // characters

/**
 * Escape brings `pressed` back. `done(words)` resolves to true once they are sent.
 * @param {HTMLElement} pressed
 * @param {{ label: string, hint?: string, needed?: boolean, done: (words: string) => Promise<boolean> }} options
 */
export function asking(pressed, { label, hint = "", needed = true, done }) {
  const words = element("input", "why");
  words.ariaLabel = label;
  words.placeholder = hint;
  words.maxLength = LONGEST;
  const made = element("form", "reason", words, element("button", "quiet", SAY.send));
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (needed && !words.value.trim()) { words.focus(); return; }
    if (!await done(words.value)) return;
    made.remove();
    if (document.activeElement === document.body) $("box").focus(); // the element with the focus is gone
  });
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    made.replaceWith(pressed);
    pressed.focus();
  });
  pressed.replaceWith(made);
  words.focus();
}
