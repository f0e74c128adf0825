// Commands that are not typed: of a message's menu, and of the buttons below the list of threads.

import { all } from "/static/dom.js";
import { address } from "/static/address.js";
import { order } from "/static/api_commands.js";
import { sayFault } from "/static/status.js";
import { enter } from "/static/thread.js";
import { listThreads } from "/static/threads.js";
import { fill, tell } from "/static/notices.js";
import { SAY } from "/static/words.js";

/** Run a command. False where it could not be sent.
 * @param {string} name @param {Record<string, string>} options @param {HTMLElement | null} under */
export async function command(name, options = {}, under = null) {
  const { visits } = address;
  try {
    const { told, thread } = await order(name, options);
    if (visits !== address.visits) return true;
    sayFault();
    if (told) { tell(told, under); listThreads(); } else { enter(thread); }
    return true;
  } catch (error) {
    sayFault(error.words ?? SAY.failed);
    return false;
  }
}

/** Open the form of the settings, for people who may change them. */
async function settings() {
  try {
    const { told } = await order("settings");
    sayFault();
    if (told?.form) fill(told.form);
    else if (told) tell(told);
  } catch (error) {
    sayFault(error.words ?? SAY.failed);
  }
}

for (const made of all("[data-command]")) {
  const { command: name = "" } = made.dataset;
  made.addEventListener("click", () => (name === "settings" ? settings() : command(name)));
}
