// The box at the bottom, and the sending of its text.

import { address, within } from "/static/address.js";
import { $ } from "/static/dom.js";
import { addFiles, clearFiles, draftFiles } from "/static/draft_files.js";
import { arrived, find, sending, withdraw } from "/static/messages.js";
import { offer } from "/static/autocomplete.js";
import { follow } from "/static/scroll.js";
import { uuid } from "/static/server.js";
import { sayFault } from "/static/status.js";
import { enter } from "/static/thread.js";
import { listThreads } from "/static/threads.js";
import { tell } from "/static/notices.js";
import { post } from "/static/upload.js";
import { SAY } from "/static/words.js";

const [form, offers, offered] = ["form", "offers", "offered"].map($);
const box = /** @type {HTMLTextAreaElement} */ ($("box"));

const unsent = new Map(); // text -> client id: sent again, it is still one question
/** @type {Promise<any>} */
let before = Promise.resolve(); // one after the other, since the first one opens the thread for the next

async function send() {
  const [text, files] = [box.value.trim(), draftFiles()];
  if (!text && !files.length) { box.focus(); return; }
  const written = JSON.stringify([text, ...files.map(({ name, size, lastModified }) => [name, size, lastModified])]);
  const id = unsent.get(written) ?? uuid();
  const { visits } = address;
  const there = within();
  sayFault();
  write("");
  clearFiles();
  suggesting.close();
  follow();
  const message = sending(id, text, files);
  try {
    const asked = before.then(() => post(
      { text, client_id: id, ...(visits === address.visits ? within() : there) }, files, message.article));
    before = asked.catch(() => {});
    const { told, taken, thread } = await asked;
    unsent.delete(written);
    if (told) {
      withdraw(message);
      if (told.refused || !taken) back(box.value ? "" : text, files);
      if (visits === address.visits) tell(told);
      listThreads();
      return;
    }
    arrived(message);
    if (visits === address.visits) enter(thread);
    else listThreads();
  } catch (error) {
    if (find(id) === message && !message.pending) return; // it arrived, and only the response was lost
    unsent.set(written, id); // sent again it is the same question, in case it did arrive
    withdraw(message);
    await back(text, files);
    if (!error.cancelled) sayFault(error.words ?? (files.length ? SAY.unsent_files : SAY.unsent));
  }
}

/** Put a text that was not accepted back into the box, before the text written since.
 * @param {string} text @param {File[]} files */
async function back(text, files) {
  write([text, box.value].filter((part) => part.trim()).join("\n\n"));
  await addFiles(files);
  box.focus();
}

/** @param {string} text */
function write(text) {
  box.value = text;
  fit();
}

/** Fit the height of the box to its text. */
function fit() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

const suggesting = offer(box, offers, offered, () => address.thread);
box.addEventListener("input", fit);
box.addEventListener("keydown", (event) => {
  if (suggesting.takes(event)) return;
  // 229: Safari ends a composition before its Enter arrives.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  send();
});
form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
