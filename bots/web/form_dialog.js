// A form of Parley's in a modal dialog: the browser's own, with its Escape and its focus.

import { button, element } from "/static/dom.js";
import { show } from "/static/markdown.js";
import { SAY } from "/static/words.js";

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Input */

/**
 * `send(form, options)` submits it and resolves to the reply; `done(told)` is called then. The entered values stay
 * in the form until Parley has accepted them.
 * @param {Form} form
 * @param {{ send: (form: Form, options: Record<string, string>) => Promise<Told | undefined>,
 *   done: (told: Told | undefined) => void }} calls
 */
export function open(form, { send, done }) {
  const inputs = form.fields.map(input);
  const dialog = element("dialog", "sheet");
  const title = element("h2", "", form.title);
  const fields = element("div", "fields", ...form.fields.map((field, i) => row(field, inputs[i])));
  const alert = element("div", "alert");
  const save = element("button", "main", form.send);
  const sheet = element("form", "", element("header", "", title), fields, alert,
    element("footer", "", button(SAY.cancel, () => dialog.close()), save));

  title.id = "sheet";
  dialog.setAttribute("aria-labelledby", title.id);
  alert.setAttribute("role", "alert");
  inputs[0]?.toggleAttribute("autofocus", true); // otherwise the focus goes to the scrolled list of fields
  dialog.append(sheet);
  dialog.addEventListener("close", () => dialog.remove());
  sheet.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (save.ariaDisabled === "true") return;
    save.ariaDisabled = "true"; // not `disabled`: the focus stays
    tell();
    try {
      const entered = Object.fromEntries(inputs.map(({ name, value }) => [name, value]));
      const told = await send(form, { ...form.fixed, ...entered });
      if (told?.refused) {
        tell();
        show(alert, told.html);
        blame(told.text);
      } else {
        dialog.close();
        done(told);
      }
    } catch (error) {
      tell(error.words ?? SAY.failed);
    }
    save.ariaDisabled = "false";
  });

  /** Mark a field as invalid where the text names it and its value. @param {string} text */
  function blame(text) {
    const wrong = inputs.find(({ value }, i) =>
      value && text.includes(value) && text.includes(form.fields[i].label));
    wrong?.setAttribute("aria-invalid", "true");
    wrong?.focus();
  }

  /** @param {string} text */
  function tell(text = "") {
    for (const entered of inputs) entered.removeAttribute("aria-invalid");
    show(alert, []);
    alert.textContent = text;
  }

  document.body.append(dialog);
  dialog.showModal();
}

/** @type {(field: Field, made: Input) => HTMLElement} */
function row({ label, hint, kind }, made) {
  const name = element("label", "", label);
  name.htmlFor = made.id;
  const shown = element("div", "field", name, made);
  if (hint && kind !== "choice") {
    const note = element("div", "note", plain(hint));
    note.id = `${made.id}-note`;
    made.setAttribute("aria-describedby", note.id);
    shown.append(note);
  }
  return shown;
}

/** Hints are Markdown, so that values that look like Markdown are shown as they are. @param {string} hint */
const plain = (hint) => hint.replaceAll("`", "");

/** @type {(field: Field) => Input} */
function input({ name, kind, value, hint, choices }) {
  const made = element(kind === "text" ? "textarea" : kind === "choice" ? "select" : "input");
  if (kind === "choice") {
    made.append(new Option(plain(hint), ""), ...choices.map((one) => new Option(one.label, one.value)));
    if (value && !choices.some((one) => one.value === value)) made.append(new Option(value, value));
  }
  if (made instanceof HTMLTextAreaElement) made.rows = 4;
  made.name = name;
  made.id = `field-${name}`;
  made.autocomplete = "off";
  made.value = value;
  return made;
}
