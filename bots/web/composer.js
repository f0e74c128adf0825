// The box at the bottom, and how what is written in it is sent.

import { address, within } from "/static/address.js";
import { $ } from "/static/dom.js";
import { arrived, find, sending, withdraw } from "/static/messages.js";
import { offer } from "/static/autocomplete.js";
import { follow } from "/static/scroll.js";
import { call, uuid } from "/static/server.js";
import { sayFault } from "/static/status.js";
import { enter } from "/static/thread.js";
import { listThreads } from "/static/threads.js";
import { tell } from "/static/notices.js";
import { SAY } from "/static/words.js";

const [form, offers, offered] = ["form", "offers", "offered"].map($);
const box = /** @type {HTMLTextAreaElement} */ ($("box"));

const unsent = new Map(); // text -> its client id: sent again, it is still one question
/** @type {Promise<any>} */
let before = Promise.resolve(); // none overtakes another, and the first one opens the thread for the next

async function send() {
  const text = box.value.trim();
  if (!text) { box.focus(); return; }
  const id = unsent.get(text) ?? uuid();
  const { visits } = address;
  const there = within();
  sayFault();
  write("");
  suggesting.close();
  follow();
  const message = sending(id, text);
  try {
    const asked = before.then(() =>
      call("/api/asks", { text, client_id: id, ...(visits === address.visits ? within() : there) }));
    before = asked.catch(() => {});
    const { told, taken, thread } = await asked;
    unsent.delete(text);
    if (told) {
      withdraw(message);
      if ((told.refused || !taken) && !box.value) write(text);
      if (visits === address.visits) tell(told);
      listThreads();
      return;
    }
    arrived(message);
    if (visits === address.visits) enter(thread);
    else listThreads();
  } catch (error) {
    if (find(id) === message && !message.pending) return; // only the word that it arrived was lost
    unsent.set(text, id); // sent again it is the same question, should it have arrived all the same
    withdraw(message);
    write(box.value.trim() ? `${text}\n\n${box.value}` : text);
    sayFault(error.words ?? SAY.unsent);
    box.focus();
  }
}

/** @param {string} text */
function write(text) {
  box.value = text;
  fit();
}

/** As high as what is written in it. */
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
