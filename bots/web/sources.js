// The earlier answers that an answer cites, each as a link to its thread on this page.

import { element } from "/static/dom.js";

/** @param {Sources | null | undefined} sources */
export const list = (sources) =>
  sources ? [element("p", "", sources.head), element("ul", "", ...sources.links.map(line))] : [];

/** @param {SourceLink} source */
function line({ number, title, date, asker, old, thread }) {
  const link = element("a", "", title);
  link.href = `#${thread}`;
  const words = old ? [`${date}: `, link] : [link, ` · ${date}`];
  return element("li", "", `[${number}] `, ...words, ...(asker ? [` · ${asker}`] : []));
}
