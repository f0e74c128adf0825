// Immediate replies to the reader. They are shown here and not in the thread.

import { action } from "/static/article.js";
import { $, button, element } from "/static/dom.js";
import { show } from "/static/markdown.js";
import { find, greet, toldUnder } from "/static/messages.js";
import { order } from "/static/api_commands.js";
import { read, stick } from "/static/scroll.js";
import { list } from "/static/sources.js";
import { open } from "/static/form_dialog.js";
import { SAY } from "/static/words.js";

const log = $("log");

/** `id`: of the message that the notice is shown under, whose earlier notices go, but for those that everybody there
 * should see. The notice comes last where there is no such message yet. `passing`: it is about words that are in the box
 * again, and goes once they are sent.
 * @param {Told} told @param {string} id @param {boolean} passing */
export function tell({ html, whisper, file, picture, form, buttons, sources }, id = "", passing = false) {
  const body = element("div", "body");
  const made = element("article", "mine told", body);
  made.ariaLabel = SAY.parley;
  made.setAttribute("role", "status");
  made.classList.toggle("passing", passing);
  made.classList.toggle("lasting", !whisper);
  show(body, html);
  if (picture) body.append(drawn(picture));
  if (sources) made.append(element("div", "sources", ...list(sources)));
  const below = [
    ...(file ? [download(file)] : []),
    ...(form ? [button(SAY.change, () => fill(form))] : []),
    ...buttons.map(action),
  ];
  if (below.length) made.append(element("div", "buttons", ...below));
  const under = find(id)?.article;
  if (id) made.dataset.under = id;
  if (under) {
    for (const told of toldUnder(under)) if (!told.classList.contains("lasting")) told.remove();
    (toldUnder(under).at(-1) ?? under).after(made);
    made.scrollIntoView({ block: "nearest" });
    stick();
  } else {
    log.append(made);
    read(made);
  }
  greet();
}

/** Words that came back are sent again, or dropped: what was told about them goes. */
export function dismiss() {
  for (const told of log.querySelectorAll(".passing")) told.remove();
}

/** The message of an article, or of a notice. @type {(article: HTMLElement) => HTMLElement | null} */
export const subject = ({ dataset: { id, under } }) => find(id ?? under)?.article ?? null;

/** Open a form; the reply to it is shown as other notices are. @param {Form} form */
export function fill(form) {
  open(form, {
    send: async ({ command }, options) => (await order(command, options)).told,
    done: (told) => { if (told) tell(told); },
  });
}

/** @param {FileView} file */
function address({ type, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type }));
}

/** @param {FileView} picture */
function drawn(picture) {
  const image = element("img", "drawn");
  image.src = address(picture);
  image.alt = picture.name;
  image.addEventListener("load", stick);
  return image;
}

/** @param {FileView} file */
function download(file) {
  const { name } = file;
  const link = element("a", "quiet", `↓ ${name}`);
  link.href = address(file);
  link.download = name;
  return link;
}
