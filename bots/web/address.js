// The thread that is shown: the part of the address behind its #, empty for the blank page of a new thread.

export const address = {
  /** @type {string | null} */
  thread: location.hash.slice(1) || null,
  visits: 0, // counts the threads shown: a new thread gets its name while it is shown
};

/** Another thread is shown, or with null a new one. @param {string | null} thread */
export function turnTo(thread) {
  address.thread = thread;
  address.visits++;
  if (location.hash.slice(1) !== (thread ?? "")) {
    history.replaceState(null, "", thread === null ? "/" : `#${thread}`);
  }
}

/** The new thread that is shown has a name now, or with null the one that is shown has none any more.
 * @param {string | null} thread */
export function name(thread) {
  address.thread = thread;
  if (thread === null) history.replaceState(null, "", "/");
  else push(thread);
}

/** Add the address of a thread, or with null that of the blank page, to the history of the tab.
 * @param {string | null} thread */
export const push = (thread) => history.pushState(null, "", thread === null ? "/" : `#${thread}`);

/** The fields of a request that concerns this thread. */
export const within = () => (address.thread === null ? {} : { thread: address.thread });
