// Shows the HTML that the server makes of Markdown (`html.py`), block by block. Nothing else is inserted as HTML.

import { button, element } from "/static/dom.js";
import { SAY } from "/static/words.js";

/** @type {WeakMap<HTMLElement, string[]>} */
const shown = new WeakMap();

/** Show `blocks` in `root`, and replace only those that differ.
 * @param {HTMLElement} root @param {string[]} blocks */
export function show(root, blocks) {
  const before = shown.get(root) ?? [];
  let same = 0;
  while (same < blocks.length && before[same] === blocks[same]) same++;
  while (root.childNodes.length > same) root.lastChild?.remove();
  for (const block of blocks.slice(same)) root.append(made(block));
  shown.set(root, blocks);
}

/** @param {string} block */
function made(block) {
  const template = element("template");
  template.innerHTML = block;
  for (const code of template.content.querySelectorAll(".code")) addCopy(code);
  return template.content;
}

/** @param {Element} block */
function addCopy(block) {
  const code = block.querySelector("code");
  block.firstElementChild?.append(button(SAY.copy, async (copy) => {
    await copied(code?.textContent ?? "", code);
    copy.textContent = SAY.copied;
    setTimeout(() => { copy.textContent = SAY.copy; }, 2000);
  }));
}

/** @param {string} text @param {Element | null} code */
async function copied(text, code) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
  } else if (code) { // a page over plain HTTP from another machine
    getSelection()?.selectAllChildren(code);
    document.execCommand("copy");
    getSelection()?.removeAllRanges();
  }
}
