// Sends a message to the server; one with files takes a while.

import { button, element } from "/static/dom.js";
import { stick } from "/static/scroll.js";
import { call, send } from "/static/server.js";
import { SAY } from "/static/words.js";

/**
 * Sends a question with its files, and shows the progress on the `article` of the message. Throws as `call` does;
 * the error of a person who cancels is `cancelled`.
 * @type {(fields: object, files: File[], article: HTMLElement) => Promise<any>}
 */
export async function post(fields, files, article) {
  if (!files.length) return call("/api/asks", fields);
  const form = new FormData();
  form.append("ask", JSON.stringify(fields));
  for (const file of files) form.append("file", file, file.name);
  const cancelling = new AbortController();
  const said = element("span", "", SAY.uploading);
  const bar = element("progress");
  said.setAttribute("role", "status");
  bar.ariaLabel = SAY.uploading;
  bar.value = 0;
  const shown = element("p", "sending", said, bar, button(SAY.cancel, () => cancelling.abort()));
  article.append(shown);
  stick();
  try {
    return await send("/api/asks", form, { signal: cancelling.signal, progress: (part) => {
      bar.value = part;
      if (part === 1) said.textContent = SAY.reading;
      bar.hidden = part === 1;
    } });
  } finally {
    shown.remove();
  }
}
