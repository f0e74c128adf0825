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
import { dismiss, tell } from "/static/notices.js";
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
  dismiss();
  follow();
  const message = sending(id, text, files);
  try {
    const sent = before.then(() => post(
      { text, client_id: id, ...(visits === address.visits ? within() : there) }, files, message.article));
    before = sent.catch(() => {});
    const outcome = await sent;
    unsent.delete(written);
    if (outcome.asked) accepted(message, outcome, visits);
    else replied(message, outcome, visits, text, files);
  } catch (error) {
    if (find(id) === message && !message.pending) return; // it arrived, and only the response was lost
    unsent.set(written, id); // sent again it is the same question, in case it did arrive
    withdraw(message);
    await back(text, files);
    if (!error.cancelled) sayFault(error.words ?? (files.length ? SAY.unsent_files : SAY.unsent));
  }
}

/** The question is part of its thread; a note is shown under it, or last where another thread is shown now.
 * @param {Message} message @param {Outcome} outcome @param {number} visits */
function accepted(message, { thread, told }, visits) {
  arrived(message);
  if (visits === address.visits) enter(thread);
  else listThreads();
  if (told) tell(told, message.view.id);
}

/** A command was answered, or a message refused. The words of a refused question come back, whatever has been written
 * since; those of a refused command only into an empty box.
 * @param {Message} message @param {Outcome} outcome @param {number} visits @param {string} text @param {File[]} files */
function replied(message, { told, taken }, visits, text, files) {
  withdraw(message);
  if (!taken) back(text, files);
  else if (told?.refused) back(box.value ? "" : text, files);
  if (told && (!taken || visits === address.visits)) tell(told, "", !taken);
  listThreads();
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
