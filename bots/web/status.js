// What the page says of itself: of its connection, of what did not work, that an answer is thought of.

import { $ } from "/static/dom.js";
import { stick } from "/static/scroll.js";

const [line, fault, thinking] = ["line", "fault", "thinking"].map($);
const stop = /** @type {HTMLButtonElement} */ (thinking.querySelector("button"));

let thought = 0;

/** What is the matter now; without words, nothing is. */
export function sayLine(words = "") {
  write(line, words);
  line.hidden = !words;
}

/** What the reader has done did not work; without words, it did. */
export const sayFault = (words = "") => write(fault, words);

/** An answer is thought of, for so long at most; with 0 it is not. Which turn's, if that is known. @param {Thinking} thinking */
export function think({ ms, turn_id = 0 }) {
  clearTimeout(thought);
  if (!ms && stop === document.activeElement) $("box").focus(); // or it would be lost
  thinking.hidden = !ms;
  stop.hidden = !turn_id;
  stop.dataset.turn = String(turn_id);
  if (ms) thought = setTimeout(() => think({ ms: 0 }), ms);
  stick();
}

/** @param {HTMLElement} where @param {string} words */
function write(where, words) {
  if (where.textContent !== words) where.textContent = words;
}
