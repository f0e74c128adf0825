// Events from the server: Server-Sent Events, the complete view of a thread first and on every
// reconnection, then each message that changed. The blank page of a new thread hears of the list alone.

import { call } from "/static/server.js";

const AGAIN_MS = 2000;

/**
 * @typedef {object} Heard the callbacks; all of them but `listed` concern the thread that was opened last
 * @property {(all: { messages: View[], thinking: Thinking }) => void} state the whole thread
 * @property {(view: View) => void} message a message that is new or has changed
 * @property {(thinking: Thinking) => void} thinking
 * @property {() => void} listed the list of threads has changed
 * @property {() => void} lost the connection broke; it is opened again
 * @property {() => void} missing there is no such thread
 */

/** @param {string} thread */
const path = (thread) => `/api/threads/${encodeURIComponent(thread)}`;

/** @param {Heard} heard */
export function connection(heard) {
  /** @type {string | null} */
  let wanted = null;
  /** @type {EventSource | null} */
  let events = null;
  let again = 0;

  /** @param {string | null} thread */
  function open(thread) {
    close();
    wanted = thread;
    if (document.hidden) return;
    const source = events = new EventSource(thread === null ? "/api/events" : `${path(thread)}/events`);
    for (const name of /** @type {const} */ (["state", "message", "thinking", "listed"])) {
      source.addEventListener(name, ({ data }) => heard[name](JSON.parse(data)));
    }
    source.addEventListener("error", () => {
      if (thread !== null) heard.lost();
      if (source.readyState === EventSource.CLOSED) refused(thread); // the browser does not try again itself
    });
  }

  function close() {
    events?.close();
    events = null;
    clearTimeout(again);
  }

  /** The server refused the stream: for good, because there is no such thread, or for now.
   * @param {string | null} thread */
  async function refused(thread) {
    let missing = false;
    try {
      if (thread !== null) await call(path(thread));
    } catch (error) {
      missing = error.status === 404;
    }
    if (thread !== wanted) return;
    if (missing) heard.missing();
    else again = setTimeout(() => open(thread), AGAIN_MS);
  }

  return { open, close, isOpen: () => events !== null };
}
