// Markdown as models write it -> elements. Text only ever becomes text nodes; no HTML is taken over.
// In an answer that is `growing`, or broke off, marks that are not closed yet count as closed at its end.

const DEPTH = 8; // quotes and lists inside each other; deeper ones are shown as they were written

const FENCE = /^( {0,3})(`{3,}|~{3,})[ \t]*([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?:[ \t]+(.*)|[ \t]*)$/;
const DELIMITER = /^ *\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *$/;

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
      const end = fenceEnd(lines, at);
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
      take("paragraph", end, (how) => element("p", ...inline(own.trim(), how)));
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

function fenceEnd(lines, at) {
  const [, , mark] = FENCE.exec(lines[at]);
  const closing = new RegExp(`^ {0,3}\\${mark[0]}{${mark.length},}[ \\t]*$`);
  for (let end = at + 1; end < lines.length; end++) if (closing.test(lines[end])) return end + 1;
  return lines.length;
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
    if (inside && FENCE.test(line.trimStart())) {
      i = fenceEnd(lines.map((other) => other.trimStart()), i) - 1;
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
  const [, indent, mark, info] = FENCE.exec(lines[0]);
  const closed = lines.length > 1 && new RegExp(`^ {0,3}\\${mark[0]}{${mark.length},}[ \\t]*$`).test(lines.at(-1));
  const own = lines.slice(1, closed ? -1 : undefined);
  const text = own.map((line) => line.slice(Math.min(indent.length, spaces(line)))).join("\n");
  const copy = element("button", words.copy ?? "Copy");
  copy.type = "button";
  copy.className = "quiet";
  copy.addEventListener("click", async () => {
    await copied(text, code);
    copy.textContent = words.copied ?? "Copied";
    setTimeout(() => { copy.textContent = words.copy ?? "Copy"; }, 2000);
  });
  const code = element("code", text);
  const block = element("div", element("div", element("span", info.trim().split(/\s/)[0]), copy), element("pre", code));
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
  return element(`h${Math.min(6, marks.length + 1)}`, ...inline(text ?? "", how)); // h1 is the page's
}

function nested(lines, { growing, words, depth }) {
  if (depth >= DEPTH) return [document.createTextNode(lines.join("\n"))];
  return split(lines, growing).map((block) => block.build({ growing: block.open, words, depth: depth + 1 }));
}

function quote(lines, how) {
  return element("blockquote", ...nested(lines.map((line) => line.replace(QUOTE, "")), how));
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
    root.append(element("li", ...built.flatMap((child) =>
      !loose && child.nodeName === "P" ? [...child.childNodes] : [child])));
  });
  return root;
}

function table(lines, how) {
  const aligned = cells(lines[1] ?? "").map((cell) =>
    cell.endsWith(":") ? (cell.startsWith(":") ? "centre" : "right") : "");
  const row = (line, name, growing) => element("tr", ...cells(line).map((cell, i) => {
    const made = element(name, ...inline(cell, { ...how, growing }));
    if (aligned[i]) made.className = aligned[i];
    return made;
  }));
  const body = lines.slice(2).map((line, i) => row(line, "td", how.growing && i === lines.length - 3));
  const block = element("div", element("table", element("thead", row(lines[0], "th", false)), element("tbody", ...body)));
  block.className = "table";
  block.tabIndex = 0;
  return block;
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

// Marks inside a block.

const BARE = /^(?:https?:\/\/|mailto:)[^\s<>"'`，。；：！？、）】》」]+/i;
const WORD = /[\p{L}\p{N}_]/u;

function inline(text, { growing = false, depth = 0 } = {}) {
  const nodes = [];
  const never = new Set(); // marks that nothing closes from here on
  let plain = "";
  let at = 0;
  const put = (...made) => {
    if (plain) nodes.push(document.createTextNode(plain));
    plain = "";
    nodes.push(...made);
  };
  while (at < text.length) {
    const rest = text.slice(at, at + 2);
    const char = text[at];
    if (char === "\\" && /[!-/:-@[-`{-~]/.test(rest[1] ?? "")) {
      plain += rest[1];
      at += 2;
    } else if (char === "\n") {
      plain = plain.trimEnd();
      put(element("br"));
      at++;
    } else if (char === "`") {
      const run = /^`+/.exec(text.slice(at))[0];
      const end = never.has(run) ? -1 : codeEnd(text, at + run.length, run.length);
      if (end < 0 && !growing) { never.add(run); plain += run; at += run.length; continue; }
      if (end < 0 && at + run.length >= text.length) break; // a mark, and nothing yet
      const code = text.slice(at + run.length, end < 0 ? text.length : end);
      put(element("code", /^ .*\S.* $/s.test(code) ? code.slice(1, -1) : code));
      at = end < 0 ? text.length : end + run.length;
    } else if (char === "[" || rest === "![") {
      const found = depth < DEPTH && link(text, at + (char === "!"), growing);
      if (!found) { plain += char; at++; continue; }
      const label = inline(found.label || found.target, { depth: depth + 1 });
      put(...(found.target ? [anchor(found.target, label)] : label));
      at = found.end;
    } else if (char === "<") {
      const tag = /^<(?:br *\/?|((?:https?:\/\/|mailto:)[^\s<>]+))>/i.exec(text.slice(at, at + 2100));
      if (!tag) { plain += char; at++; continue; }
      put(tag[1] ? anchor(tag[1], [tag[1]]) : element("br"));
      at += tag[0].length;
    } else if ((char === "h" || char === "H" || char === "m") && !/\w/.test(text[at - 1] ?? "")) {
      const bare = BARE.exec(text.slice(at, at + 2100))?.[0].replace(/[.,;:!?*_~]+$/, "");
      const address = bare && !bare.includes("(") ? bare.replace(/\)+$/, "") : bare;
      if (address) put(anchor(address, [address]));
      else plain += char;
      at += address ? address.length : 1;
    } else if (char === "*" || char === "_" || rest === "~~") {
      const run = /^(?:\*+|_+|~~)/.exec(text.slice(at))[0];
      const made = depth < DEPTH && marked(text, at, run, growing, never);
      if (!made) { plain += run; at += run.length; continue; }
      put(made.build(inline(made.inner, { growing: growing && made.end >= text.length, depth: depth + 1 })));
      at = made.end;
    } else {
      plain += char;
      at++;
    }
  }
  put();
  return nodes;
}

const BUILD = {
  1: (inner) => element("em", ...inner),
  2: (inner) => element("strong", ...inner),
  3: (inner) => element("strong", element("em", ...inner)),
};

/** Strong, emphasised or struck text that begins at `at` with `run`, or nothing. */
function marked(text, at, run, growing, never) {
  const start = at + run.length;
  if (run.length > 3 || /\s/.test(text[start] ?? " ") && !(growing && start >= text.length)) return null;
  if (run[0] === "_" && WORD.test(text[at - 1] ?? "")) return null;
  const build = run[0] === "~" ? (inner) => element("del", ...inner) : BUILD[run.length];
  const end = never.has(run) ? -1 : markEnd(text, start, run);
  if (end >= 0) return { inner: text.slice(start, end), end: end + run.length, build };
  if (growing && !(run.length === 1 && WORD.test(text[at - 1] ?? "")))
    return { inner: text.slice(start).replace(/[*_~]+$/, ""), end: text.length, build };
  if (!growing) never.add(run);
  return null;
}

function markEnd(text, start, run) {
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === "\\") { at++; continue; }
    if (char === "`") {
      const ticks = /^`+/.exec(text.slice(at, at + 64))[0].length;
      const end = codeEnd(text, at + ticks, ticks);
      at = (end < 0 ? at : end) + ticks - 1;
      continue;
    }
    if (char !== run[0]) continue;
    let length = 1;
    while (text[at + length] === char) length++;
    const closes = !/\s/.test(text[at - 1] ?? " ") && at > start
      && !(char === "_" && WORD.test(text[at + length] ?? ""));
    if (closes && (length === run.length || (length === 3 && run.length < 3))) return at + length - run.length;
    at += length - 1;
  }
  return -1;
}

function codeEnd(text, from, ticks) {
  for (let at = text.indexOf("`", from); at >= 0; at = text.indexOf("`", at)) {
    let length = 1;
    while (text[at + length] === "`") length++;
    if (length === ticks) return at;
    at += length;
  }
  return -1;
}

/** `[label](target "title")` at `at`. While it grows, a half one is its label. */
function link(text, at, growing) {
  const source = text.slice(at, at + 4200);
  const whole = /^\[((?:[^[\]\\]|\\.|\[[^[\]]*\])*)\]\(\s*<?((?:[^\s()<>]|\([^\s()]*\))*)>?(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/
    .exec(source);
  if (whole) return safe(whole[2]) ? { label: whole[1], target: whole[2], end: at + whole[0].length } : null;
  const half = growing && /^\[((?:[^[\]\\]|\\.)+)\]\(\S*$/.exec(source);
  return half ? { label: half[1], target: "", end: text.length } : null;
}

function safe(target) {
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(target).protocol);
  } catch {
    return false;
  }
}

function anchor(target, label) {
  if (!safe(target)) return document.createTextNode(target);
  const made = element("a", ...label);
  made.href = target;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
}

function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}
