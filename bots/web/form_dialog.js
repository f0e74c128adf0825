// A form of Parley's in a dialog: the browser's own, with its Escape, its focus and everything behind it out of reach.

import { button, element } from "/static/dom.js";
import { show } from "/static/markdown.js";
import { SAY } from "/static/words.js";

const SCOPES = ["channel", "workspace"];

/**
 * `send(form, options)` sends it off and resolves to what is told, `read(scope)` to the form for the other scope.
 * What was entered stays where it is until Parley has taken it; `done(told)` is called then.
 */
export function open(first, { send, read, done }) {
  const dialog = element("dialog", "sheet");
  const title = element("h2");
  const fields = element("div", "fields");
  const alert = element("div", "alert");
  const save = element("button", "main", first.send);
  const sheet = element("form", "", element("header", "", title), fields, alert,
    element("footer", "", button(SAY.cancel, () => dialog.close()), save));
  const filled = new Map(); // scope -> {form, part}: what was entered for the one survives a look at the other
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

  function put(form) {
    const scope = form.fixed.scope ?? "";
    if (!filled.has(scope)) filled.set(scope, part(form));
    shown = filled.get(scope);
    title.textContent = form.title;
    fields.replaceChildren(...shown.rows);
    fields.scrollTop = 0;
  }

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

  /** Where the words name a field and what stands in it, that is the one to mend. */
  function blame(text) {
    const { form: { fields: all }, inputs } = shown;
    const wrong = inputs.find(({ value }, i) => value && text.includes(value) && text.includes(all[i].label));
    wrong?.setAttribute("aria-invalid", "true");
    wrong?.focus();
  }

  function tell(text) {
    for (const input of shown?.inputs ?? []) input.removeAttribute("aria-invalid");
    show(alert, text, { words: SAY });
  }

  put(first);
  document.body.append(dialog);
  dialog.showModal();
}

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

/** Hints are Markdown, for the sake of values that would look like it. */
const plain = (hint) => hint.replaceAll("`", "");

function input({ name, kind, value, hint, choices }) {
  const made = element(kind === "text" ? "textarea" : kind === "choice" ? "select" : "input");
  if (kind === "choice") {
    made.append(new Option(plain(hint), ""), ...choices.map((one) => new Option(one.label, one.value)));
    if (value && !choices.some((one) => one.value === value)) made.append(new Option(value, value));
  }
  if (kind === "text") made.rows = 4;
  made.name = name;
  made.id = `field-${name}`;
  made.autocomplete = "off";
  made.value = value;
  return made;
}
