// Commands that are not typed: of a message's menu, and of the buttons below the list of threads.

import { all } from "/static/dom.js";
import { address } from "/static/address.js";
import { order } from "/static/api_commands.js";
import { sayFault } from "/static/status.js";
import { enter } from "/static/thread.js";
import { listThreads } from "/static/threads.js";
import { fill, tell } from "/static/notices.js";
import { SAY } from "/static/words.js";

/** Run a command. False where it could not be sent. Its reply is shown under the message `under`, or under the question
 * that it became.
 * @param {string} name @param {Record<string, string>} options @param {string} under */
export async function command(name, options = {}, under = "") {
  const { visits } = address;
  try {
    const { told, thread, id, asked } = await order(name, options);
    if (visits !== address.visits) return true;
    sayFault();
    if (asked) enter(thread);
    else listThreads();
    if (told) tell(told, asked ? id : under);
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
