// The parts of a message beside its text: files by name and size, pictures, quotes.

import { element } from "/static/dom.js";
import { isPicture, sized } from "/static/files.js";
import { stick } from "/static/scroll.js";
import { filled, SAY } from "/static/words.js";

const THUMB = 96; // pixels

/** A file by its name and size. @param {string} name @param {number} size */
export function chip(name, size) {
  const made = element("span", "chip", element("bdi", "", name));
  made.title = name;
  if (size) made.append(element("small", "", sized(size)));
  return made;
}

/** A small picture of a file, once it is drawn; a canvas, which holds no more of it than is shown.
 * @param {File} file @param {HTMLElement} into */
export async function draw(file, into) {
  if (!isPicture(file)) return;
  const picture = await createImageBitmap(file).catch(() => null); // no picture after all
  if (!picture) return;
  const made = element("canvas");
  const scale = Math.min(1, THUMB / Math.min(picture.width, picture.height));
  made.width = Math.min(THUMB, Math.round(picture.width * scale));
  made.height = Math.min(THUMB, Math.round(picture.height * scale));
  const [width, height] = [made.width / scale, made.height / scale];
  made.getContext("2d")?.drawImage(picture,
    (picture.width - width) / 2, (picture.height - height) / 2, width, height, 0, 0, made.width, made.height);
  picture.close();
  into.prepend(made);
}

/** The parts of a message as elements. @type {(attached: AttachedView[]) => HTMLElement[]} */
export const shown = (attached) => attached.flatMap(one);

/** @param {AttachedView} view @returns {HTMLElement[]} */
function one({ kind, name, text, size, picture, problem }) {
  /** @type {HTMLElement[]} */
  const below = text ? [element(kind === "text" ? "div" : "blockquote", "plain", text)] : [];
  if (kind !== "file") return [...(name ? [element("cite", "", name)] : []), ...below];
  if (problem) below.unshift(element("small", "why", problem));
  return [element("div", "file", picture ? image(name, picture) : chip(name, size), ...below)];
}

/** @param {string} name @param {string} picture */
function image(name, picture) {
  const made = element("img");
  const link = element("a", "picture", made);
  made.alt = name;
  link.href = made.src = picture;
  link.target = "_blank";
  link.ariaLabel = filled(SAY.open, { name });
  link.title = name;
  made.addEventListener("load", stick); // its height is known now
  made.addEventListener("error", () => link.replaceWith(chip(name, 0))); // removed meanwhile
  return link;
}
