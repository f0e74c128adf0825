// Completions of a command that is being typed: a list over the box, for the arrows, Enter, Tab and Escape.
// https://www.w3.org/WAI/ARIA/apg/patterns/combobox/ (the box stays a text box: it holds more than commands)

import { element } from "/static/dom.js";
import { call } from "/static/server.js";
import { counted, SAY } from "/static/words.js";

const LONGEST = 200;

/**
 * `where()` is the thread; `status` announces the number of entries. Returns `takes`, which sees each key of the box
 * first, and `close`.
 * @param {HTMLTextAreaElement} box
 * @param {HTMLElement} list
 * @param {HTMLElement} status
 * @param {() => string | null} where
 */
export function offer(box, list, status, where) {
  /** @type {Suggestion[]} */
  let found = [];
  let at = -1;
  let asked = 0;
  /** @type {Suggestion[]} */
  let names = []; // loaded at once, so that fast typing does not overtake them
  suggest("/").then((all) => { names = all; });

  /** @type {(text: string) => Promise<Suggestion[]>} */
  async function suggest(text) {
    const thread = where();
    const query = new URLSearchParams({ text, ...(thread !== null && { thread }) });
    return (await call(`/api/suggestions?${query}`).catch(() => ({ suggestions: [] }))).suggestions;
  }

  async function update() {
    const text = box.value;
    const mine = ++asked;
    if (!text.startsWith("/") || text.includes("\n") || text.length > LONGEST) { close(); return; }
    const begun = names.filter(({ label }) => label.startsWith(text.toLowerCase()));
    if (begun.length) { open(begun, text); return; }
    const left = found.filter((one) => one.text.toLowerCase().startsWith(text.toLowerCase()));
    if (left.length < found.length) open(left, text); // no key takes what no longer fits, however late the next come
    const suggestions = await suggest(text);
    if (mine === asked && document.activeElement === box) open(suggestions, text);
  }

  /** @param {Suggestion[]} suggestions @param {string} text */
  function open(suggestions, text) {
    const whole = suggestions.length === 1 && suggestions[0].text.trim() === text.trim();
    found = whole ? [] : suggestions;
    list.replaceChildren(...found.map(option));
    list.hidden = !found.length;
    status.textContent = found.length ? counted(SAY.offered, found.length) : "";
    // The beginning of a name is no question: Enter completes it. Behind a name, what was typed may be all.
    const begun = !text.includes(" ") && text.length > 1 && !found.some(({ label }) => label === text);
    move(begun && found.length ? 0 : -1);
  }

  function close() {
    asked++;
    open([], "");
  }

  /** @param {Suggestion} suggestion @param {number} i */
  function option({ label, about }, i) {
    const made = element("li", "", element("b", "", label), element("span", "", about));
    made.id = `offer-${i}`;
    made.setAttribute("role", "option");
    made.addEventListener("click", () => take(i));
    return made;
  }

  /** @param {number} to */
  function move(to) {
    at = to;
    for (const [i, made] of [...list.children].entries()) made.setAttribute("aria-selected", String(i === at));
    if (at < 0) {
      box.removeAttribute("aria-activedescendant");
    } else {
      box.setAttribute("aria-activedescendant", `offer-${at}`);
      list.children[at].scrollIntoView({ block: "nearest" });
    }
  }

  /** @param {number} i */
  function take(i) {
    box.value = found[i].text;
    close();
    box.dispatchEvent(new Event("input"));
  }

  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the box
  box.addEventListener("input", update);
  box.addEventListener("blur", close);

  /** True if the key was for the list. @param {KeyboardEvent} event */
  function takes(event) {
    if (event.isComposing) return false;
    if (list.hidden) {
      if (event.key === "Escape") close(); // ignores a response that comes later
      return false;
    }
    const { length } = found;
    if (event.key === "ArrowDown") move((at + 1) % length);
    else if (event.key === "ArrowUp") move(at < 1 ? length - 1 : at - 1);
    else if (event.key === "Escape") close();
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && at >= 0) take(at);
    else if (event.key === "Tab" && !event.shiftKey && /[^\s/]$/.test(box.value)) take(0); // the word is begun
    else return false;
    event.preventDefault();
    return true;
  }

  return { takes, close };
}
