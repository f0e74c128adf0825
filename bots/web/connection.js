// How the page hears from the server: Server-Sent Events, the complete view of a thread first and on every
// reconnection, then each message that changed.

import { call } from "/static/server.js";

const AGAIN_MS = 2000;

/** `heard` is told of `state`, `message` and `thinking` as the server sends them, when the connection is `lost`, and
 * that a thread is `missing`. Whatever it is told concerns the thread that was opened last. */
export function connection(heard) {
  let wanted = null;
  let events = null;
  let again = 0;

  function open(thread) {
    close();
    wanted = thread;
    if (thread === null || document.hidden) return;
    events = new EventSource(`/api/threads/${encodeURIComponent(thread)}/events`);
    for (const name of ["state", "message", "thinking"]) {
      events.addEventListener(name, ({ data }) => heard[name](JSON.parse(data)));
    }
    events.onerror = () => {
      heard.lost();
      if (events.readyState === EventSource.CLOSED) refused(thread); // it will not try again by itself
    };
  }

  function close() {
    events?.close();
    events = null;
    clearTimeout(again);
  }

  /** For good, because there is no such thread, or for now. */
  async function refused(thread) {
    let missing = false;
    try {
      await call(`/api/threads/${encodeURIComponent(thread)}`);
    } catch (error) {
      missing = error.status === 404;
    }
    if (thread !== wanted) return;
    if (missing) heard.missing();
    else again = setTimeout(() => open(thread), AGAIN_MS);
  }

  return { open, close, isOpen: () => events !== null };
}
