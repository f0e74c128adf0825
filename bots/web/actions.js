// The buttons under an answer, or under the question that waits for one: Stop, Try again, Regenerate, thumbs.
// article.js draws them.

import { within } from "/static/address.js";
import { OPINIONS } from "/static/article.js";
import { asking } from "/static/inline_input.js";
import { $, closest } from "/static/dom.js";
import { fade, spend } from "/static/messages.js";
import { call } from "/static/server.js";
import { sayFault } from "/static/status.js";
import { subject, tell } from "/static/notices.js";
import { SAY } from "/static/words.js";

$("scroll").addEventListener("click", (event) => {
  const pressed = closest(event, "[data-action]");
  const article = pressed?.closest("article");
  if (pressed) press(pressed, article ? subject(article) : null);
});

/** @param {HTMLElement} pressed @param {HTMLElement | null} under */
async function press(pressed, under) {
  const what = { action: pressed.dataset.action ?? "", turn_id: Number(pressed.dataset.turn) };
  if (what.action === "reason") {
    asking(pressed, { label: pressed.textContent ?? "", done: (text) => send({ ...what, text }, under) });
    return;
  }
  if (pressed.ariaDisabled === "true") return;
  pressed.ariaDisabled = "true"; // not `disabled`: the focus stays
  const done = await send(what, under);
  pressed.ariaDisabled = "false";
  if (!done || !(what.action in OPINIONS)) return;
  for (const other of pressed.parentElement?.children ?? []) {
    if (other.ariaPressed) other.ariaPressed = String(other === pressed);
  }
}

/** False where the press could not be sent. Its reply is shown `under` the message.
 * @param {{ action: string, turn_id: number, text?: string }} what @param {HTMLElement | null} under */
async function send(what, under) {
  try {
    const { told, again } = await call("/api/presses", { ...what, ...within() });
    sayFault();
    const anew = again && what.action !== "continue";
    const { id, after } = under?.dataset ?? {};
    if (told) tell(told, anew ? after : id); // what is told under an old answer goes with it
    if (again) spend(what.turn_id);
    if (anew) fade(under);
    return true;
  } catch (error) {
    sayFault(error.words ?? SAY.failed);
    return false;
  }
}
