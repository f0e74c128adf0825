// The thread that is shown: opening it, and its events.

import { address, name, turnTo } from "/static/address.js";
import { connection } from "/static/connection.js";
import { clear, greet, put, reconcile } from "/static/messages.js";
import { follow } from "/static/scroll.js";
import { sayFault, sayLine, think } from "/static/status.js";
import { listThreads, markThread } from "/static/threads.js";
import { SAY } from "/static/words.js";

const server = connection({
  state({ messages, thinking }) {
    sayLine();
    reconcile(messages);
    if (!messages.length) leave(); // it has been forgotten
    markThread();
    think(thinking);
  },
  message(view) {
    if (view.mine) think({ ms: 0 });
    put(view);
  },
  thinking: think,
  listed: listThreads,
  lost: () => sayLine(SAY.lost),
  missing() {
    go(null);
    sayFault(SAY.missing);
  },
});

/** Show a thread, or with null the blank page of a new one. @param {string | null} thread */
export function go(thread) {
  turnTo(thread);
  sayLine();
  sayFault();
  clear();
  think({ ms: 0 });
  follow();
  markThread();
  listen();
}

/** A question has opened its thread, or is in the thread that is shown. @param {string} opened */
export function enter(opened) {
  if (address.thread === null) {
    name(opened);
    markThread();
    listen();
  } else if (opened !== address.thread) {
    go(opened);
  }
  follow();
  listThreads();
}

/** Clear the thread but for notices. The next question opens a new one. */
function leave() {
  name(null);
  greet();
  listen();
  listThreads();
}

/** Open the event stream of the thread, or of the blank page, again where it was open. */
export const listen = () => server.open(address.thread);
export const deafen = () => server.close();
export const listening = () => server.isOpen();
