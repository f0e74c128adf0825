// @ts-nocheck
/* oxlint-disable */
// Markdown as models write it -> elements. Text only ever becomes text nodes; no HTML is taken over.
// In an answer that is `growing`, or broke off, marks that are not closed yet count as closed at its end.
// The time is linear in the length of the text: no pattern here can try the same characters in two ways, and what was
// looked for in vain is not looked for again. Quotes and lists too deep in each other are shown as they were written.

import { DEPTH, element, inline, runLength } from "/static/inline.js";

const FENCE = /^( {0,3})(?:(`{3,})([^`]*)|(~{3,})(.*))$/s;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t](.*))?$/s;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?:[ \t]+(.*)|[ \t]*)$/s;
const DELIMITER = /^ *(?:\| *)?:?-+:? *(?:\| *:?-+:? *)*(?:\| *)?$/;

/** Show `text` in `root`, touching only the blocks that differ from what stands there. */
export function show(root, text, { growing = false, words = {} } = {}) {
  const blocks = split(text.replace(/\r\n?/g, "\n").split("\n"), growing);
  const shown = root.blocks ?? [];
  let same = 0;
  while (same < blocks.length && same < shown.length && shown[same] === blocks[same].source) same++;
  while (root.childNodes.length > same) root.lastChild.remove();
  for (const block of blocks.slice(same)) root.append(block.build({ growing: block.open, words, depth: 0 }));
  root.blocks = blocks.map((block) => block.source);
}

// Blocks. Each: its source (what it depends on), whether it may still grow, and how to build its element.

function split(lines, growing) {
  const blocks = [];
  let at = 0;
  const take = (kind, end, build) => {
    const open = growing && end >= lines.length;
    blocks.push({ source: `${kind}${open ? "+" : ""}${lines.slice(at, end).join("\n")}`, open, build });
    at = end;
  };
  while (at < lines.length) {
    const line = lines[at];
    const start = at;
    if (!line.trim()) { at++; continue; }
    if (FENCE.test(line)) {
      const end = fenceEnd(lines, at, fenceOf(line).mark);
      const own = lines.slice(start, end);
      take("fence", end, (how) => fence(own, how));
    } else if (HEADING.test(line)) {
      take("heading", at + 1, (how) => heading(line, how));
    } else if (RULE.test(line)) {
      take("rule", at + 1, () => element("hr"));
    } else if (QUOTE.test(line)) {
      let end = at;
      while (end < lines.length && QUOTE.test(lines[end])) end++;
      const own = lines.slice(start, end);
      take("quote", end, (how) => quote(own, how));
    } else if (ITEM.test(line)) {
      const end = listEnd(lines, at);
      const own = lines.slice(start, end);
      take("list", end, (how) => list(own, how));
    } else if (isTable(lines, at, growing)) {
      let end = Math.min(at + 2, lines.length);
      while (end < lines.length && lines[end].includes("|")) end++;
      const own = lines.slice(start, end);
      take("table", end, (how) => table(own, how));
    } else {
      let end = at + 1;
      while (end < lines.length && !startsBlock(lines, end, growing)) end++;
      const own = lines.slice(start, end).join("\n");
      take("paragraph", end, (how) => element("p", inline(own.trim(), how)));
    }
  }
  return blocks;
}

function startsBlock(lines, at, growing) {
  const line = lines[at];
  return !line.trim() || FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line)
    || (ITEM.test(line) && /\S/.test(ITEM.exec(line)[3] ?? "")) || isTable(lines, at, growing);
}

function isTable(lines, at, growing) {
  const [head, next] = [lines[at], lines[at + 1]];
  if (!head.includes("|")) return false;
  if (next?.includes("-") && DELIMITER.test(next)) return cells(head).length === cells(next).length
    || (growing && at + 2 >= lines.length);
  return growing && /^ *\|/.test(head) && (next === undefined || (at + 2 >= lines.length && /^[ |:-]*$/.test(next)));
}

/** What opens a block of code: how far it is indented, its marks, and the words behind them. */
function fenceOf(line) {
  const found = FENCE.exec(line);
  return found && { indent: found[1].length, mark: found[2] ?? found[4], info: (found[3] ?? found[5]).trim() };
}

function fenceEnd(lines, at, mark, anywhere = false) {
  for (let end = at + 1; end < lines.length; end++) if (closes(lines[end], mark, anywhere)) return end + 1;
  return lines.length;
}

/** Whether a line closes what `mark` opened: in a list it may be indented as far as it likes. */
function closes(line, mark, anywhere = false) {
  const words = line.trim();
  return words.length >= mark.length && runLength(words, 0, mark[0]) === words.length && (anywhere || spaces(line) <= 3);
}

/** A list goes on over indented lines, over blank ones that an item follows, and over lazy lines. */
function listEnd(lines, at) {
  const [, indent, mark] = ITEM.exec(lines[at]);
  let end = at + 1;
  for (let i = end; i < lines.length; i++) {
    const line = lines[i];
    if (!line.trim()) continue;
    const item = ITEM.exec(line);
    const inside = spaces(line) > indent.length + (item ? 0 : 1);
    const fenced = inside && fenceOf(line.trimStart());
    if (fenced) {
      i = fenceEnd(lines, i, fenced.mark, true) - 1;
    } else if (!inside) {
      const sibling = item && item[1].length <= indent.length && kind(item[2]) === kind(mark) && !RULE.test(line);
      const lazy = !item && i === end && !startsBlock(lines, i, false);
      if (!sibling && !lazy) break;
    }
    end = i + 1;
  }
  return end;
}

const kind = (mark) => (/\d/.test(mark) ? mark.at(-1) : mark);
const spaces = (line) => line.length - line.trimStart().length;

function fence(lines, { words }) {
  const { indent, mark, info } = fenceOf(lines[0]);
  const closed = lines.length > 1 && closes(lines.at(-1), mark);
  const own = lines.slice(1, closed ? -1 : undefined);
  const text = own.map((line) => line.slice(Math.min(indent, spaces(line)))).join("\n");
  const copy = element("button", words.copy ?? "Copy");
  copy.type = "button";
  copy.className = "quiet";
  copy.addEventListener("click", async () => {
    await copied(text, code);
    copy.textContent = words.copied ?? "Copied";
    setTimeout(() => { copy.textContent = words.copy ?? "Copy"; }, 2000);
  });
  const code = element("code", text);
  const block = element("div", element("div", element("span", info.split(/\s/, 1)[0]), copy), element("pre", code));
  block.className = "code";
  block.lastChild.tabIndex = 0; // wide code is scrolled by keyboard too
  return block;
}

async function copied(text, code) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
  } else { // a page that came over plain HTTP from another machine
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
    getSelection().removeAllRanges();
  }
}

function heading(line, how) {
  const [, marks, text] = HEADING.exec(line);
  return element(`h${Math.min(6, marks.length + 1)}`, inline(unclosed(text ?? ""), how)); // h1 is the page's
}

/** The words of a heading, without the marks that may close it. */
function unclosed(text) {
  const words = text.trimEnd();
  let end = words.length;
  while (words[end - 1] === "#") end--;
  return (end === 0 || /[ \t]/.test(words[end - 1]) ? words.slice(0, end) : words).trim();
}

function nested(lines, { growing, words, depth }) {
  if (depth >= DEPTH) return [document.createTextNode(lines.join("\n"))];
  return split(lines, growing).map((block) => block.build({ growing: block.open, words, depth: depth + 1 }));
}

function quote(lines, how) {
  return element("blockquote", nested(lines.map((line) => line.replace(QUOTE, "")), how));
}

function list(lines, how) {
  const [, indent, mark] = ITEM.exec(lines[0]);
  const root = element(/\d/.test(mark) ? "ol" : "ul");
  if (/\d/.test(mark) && parseInt(mark, 10) !== 1) root.start = parseInt(mark, 10);
  const items = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item && item[1].length <= indent.length && kind(item[2]) === kind(mark)) {
      items.push({ offset: item[1].length + item[2].length + 1, lines: [item[3] ?? ""] });
    } else {
      const own = items.at(-1);
      own.lines.push(line.slice(Math.min(own.offset, spaces(line))));
    }
  }
  const loose = lines.some((line, i) => !line.trim() && i < lines.length - 1);
  items.forEach((item, i) => {
    const task = /^\[([ xX])\] /.exec(item.lines[0]);
    if (task) item.lines[0] = (task[1] === " " ? "☐ " : "☑ ") + item.lines[0].slice(4);
    const last = i === items.length - 1;
    const built = nested(item.lines, { ...how, growing: how.growing && last });
    // Tight lists hold words, not paragraphs.
    root.append(element("li", built.flatMap((child) =>
      !loose && child.nodeName === "P" ? [...child.childNodes] : [child])));
  });
  return root;
}

function table(lines, how) {
  const aligned = cells(lines[1] ?? "").map((cell) =>
    cell.endsWith(":") ? (cell.startsWith(":") ? "centre" : "right") : "");
  const row = (line, name, growing) => element("tr", cells(line).map((cell, i) => {
    const made = element(name, inline(cell, { ...how, growing }));
    if (aligned[i]) made.className = aligned[i];
    return made;
  }));
  const body = lines.slice(2).map((line, i) => row(line, "td", how.growing && i === lines.length - 3));
  const block = element("div", element("table", element("thead", row(lines[0], "th", false)), element("tbody", body)));
  block.className = "table";
  block.tabIndex = 0;
  return block;
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}
