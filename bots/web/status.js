// The state of the page: its connection, failures, and "thinking" before an answer.

import { $ } from "/static/dom.js";
import { stick } from "/static/scroll.js";

const [line, fault, thinking] = ["line", "fault", "thinking"].map($);
const stop = /** @type {HTMLButtonElement} */ (thinking.querySelector("button"));

let thought = 0;

/** Show the state of the connection; without words, hide it. */
export function sayLine(words = "") {
  write(line, words);
  line.hidden = !words;
}

/** Show a failure of the reader's action; without words, hide it. */
export const sayFault = (words = "") => write(fault, words);

/** Show "thinking" for so long at most; hide it with 0. The turn's id is 0 where it is unknown.
 * @param {Thinking} thinking */
export function think({ ms, turn_id = 0 }) {
  clearTimeout(thought);
  if (!ms && stop === document.activeElement) $("box").focus(); // otherwise the focus would be lost
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
