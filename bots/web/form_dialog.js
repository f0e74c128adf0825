// A form of Parley's in a dialog: the browser's own, with its Escape, its focus and everything behind it out of reach.

import { button, element } from "/static/dom.js";
import { show } from "/static/markdown.js";
import { SAY } from "/static/words.js";

const SCOPES = ["channel", "workspace"];

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Input */
/** @typedef {{ form: Form, inputs: Input[], rows: HTMLElement[] }} Part a form as it is filled in */

/**
 * `send(form, options)` sends it off and resolves to what is told, `read(scope)` to the form for the other scope.
 * What was entered stays where it is until Parley has taken it; `done(told)` is called then.
 * @param {Form} first
 * @param {{ send: (form: Form, options: Record<string, string>) => Promise<Told | undefined>,
 *   read: (scope: string) => Promise<Form | undefined>, done: (told: Told | undefined) => void }} calls
 */
export function open(first, { send, read, done }) {
  const dialog = element("dialog", "sheet");
  const title = element("h2");
  const fields = element("div", "fields");
  const alert = element("div", "alert");
  const save = element("button", "main", first.send);
  const sheet = element("form", "", element("header", "", title), fields, alert,
    element("footer", "", button(SAY.cancel, () => dialog.close()), save));
  /** @type {Map<string, Part>} */
  const filled = new Map(); // by scope: what was entered for the one survives a look at the other
  /** @type {Part} */
  let shown;

  title.id = "sheet";
  dialog.setAttribute("aria-labelledby", title.id);
  alert.setAttribute("role", "alert");
  if (first.fixed.scope) title.after(scopes(first.fixed.scope, turn));
  dialog.append(sheet);
  dialog.addEventListener("close", () => dialog.remove());
  sheet.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (save.ariaDisabled === "true") return;
    save.ariaDisabled = "true"; // not `disabled`: the focus stays
    tell("");
    try {
      const entered = Object.fromEntries(shown.inputs.map(({ name, value }) => [name, value]));
      const told = await send(shown.form, { ...shown.form.fixed, ...entered });
      if (told?.refused) {
        tell(told.text);
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

  /** @param {Form} form */
  function put(form) {
    const scope = form.fixed.scope ?? "";
    shown = filled.get(scope) ?? part(form);
    filled.set(scope, shown);
    title.textContent = form.title;
    fields.replaceChildren(...shown.rows);
    fields.scrollTop = 0;
  }

  /** @param {string} scope */
  async function turn(scope) {
    tell("");
    try {
      const form = filled.get(scope)?.form ?? await read(scope);
      if (form) put(form);
      else tell(SAY.failed);
    } catch (error) {
      tell(error.words ?? SAY.failed);
    }
  }

  /** Where the words name a field and what stands in it, that is the one to mend. @param {string} text */
  function blame(text) {
    const { form: { fields: all }, inputs } = shown;
    const wrong = inputs.find(({ value }, i) => value && text.includes(value) && text.includes(all[i].label));
    wrong?.setAttribute("aria-invalid", "true");
    wrong?.focus();
  }

  /** @param {string} text */
  function tell(text) {
    for (const entered of shown?.inputs ?? []) entered.removeAttribute("aria-invalid");
    show(alert, text, { words: SAY });
  }

  put(first);
  document.body.append(dialog);
  dialog.showModal();
}

/** @param {string} chosen @param {(scope: string) => void} turn */
function scopes(chosen, turn) {
  const made = element("fieldset", "scopes", element("legend", "", SAY.scope));
  for (const scope of SCOPES) {
    const radio = element("input");
    Object.assign(radio, { type: "radio", name: "scope", value: scope, checked: scope === chosen });
    radio.addEventListener("change", () => turn(scope));
    made.append(element("label", "", radio, SAY[scope]));
  }
  return made;
}

/** @type {(form: Form) => Part} */
function part(form) {
  const inputs = form.fields.map(input);
  const rows = form.fields.map(({ label, hint, kind }, i) => {
    const name = element("label", "", label);
    name.htmlFor = inputs[i].id;
    const row = element("div", "field", name, inputs[i]);
    if (hint && kind !== "choice") {
      const note = element("div", "note", plain(hint));
      note.id = `${inputs[i].id}-note`;
      inputs[i].setAttribute("aria-describedby", note.id);
      row.append(note);
    }
    return row;
  });
  return { form, inputs, rows };
}

/** Hints are Markdown, for the sake of values that would look like it. @param {string} hint */
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
