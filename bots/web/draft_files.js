// The files of the message that is being written: chosen, pasted or dropped, and taken off again.

import { chip, draw } from "/static/attached.js";
import { $, button, element } from "/static/dom.js";
import { choose } from "/static/files.js";
import { sayFault } from "/static/status.js";
import { filled, SAY } from "/static/words.js";

const [list, attach, drop, box] = ["attached", "attach", "drop", "box"].map($);
const input = /** @type {HTMLInputElement} */ ($("files"));

/** @type {Map<File, HTMLElement>} */
const held = new Map();

/** The files, as they were added. */
export const draftFiles = () => [...held.keys()];

let adding = Promise.resolve(); // one choice after the other, so that they are counted together

/** Add files, and name those that can't be added. @param {File[]} chosen */
export const addFiles = (chosen) => adding = adding.then(() => add(chosen));

/** @param {File[]} chosen */
async function add(chosen) {
  if (!chosen.length) return;
  const { taken, faults } = await choose(chosen, held.size);
  for (const file of taken) hold(file);
  sayFault(faults.join("\n"));
  box.focus();
}

export function clearFiles() {
  for (const file of draftFiles()) release(file);
}

/** @param {File} file */
function hold(file) {
  const remove = button("×", () => takeOff(file), "remove");
  remove.ariaLabel = remove.title = filled(SAY.detach, { name: file.name });
  const made = element("li", "", chip(file.name, file.size), remove);
  held.set(file, made);
  list.append(made);
  list.hidden = false;
  draw(file, made);
}

/** The focus goes to the next file, or to the box. @param {File} file */
function takeOff(file) {
  const item = held.get(file);
  const next = item?.nextElementSibling ?? item?.previousElementSibling;
  release(file);
  (next?.querySelector("button") ?? box).focus();
}

/** @param {File} file */
function release(file) {
  held.get(file)?.remove();
  held.delete(file);
  list.hidden = !held.size;
}

attach.addEventListener("click", () => input.click());
input.addEventListener("change", () => {
  addFiles([...input.files ?? []]);
  input.value = ""; // the same file can be chosen again
});

// Text copied from a document comes with a picture of itself: only the text is meant.
box.addEventListener("paste", (event) => {
  const { files, types } = event.clipboardData ?? new DataTransfer();
  if (!files.length || ["text/plain", "text/html"].every((type) => types.includes(type))) return;
  event.preventDefault();
  addFiles([...files]);
});

/** @param {DragEvent} event @param {boolean} over */
function dragging(event, over) {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault(); // otherwise the browser opens the file in place of the page
  drop.hidden = !over;
}

addEventListener("dragenter", (event) => dragging(event, true));
addEventListener("dragover", (event) => dragging(event, true));
addEventListener("dragleave", (event) => { if (!event.relatedTarget) dragging(event, false); });
addEventListener("drop", (event) => {
  dragging(event, false);
  addFiles([...event.dataTransfer?.files ?? []]);
});
