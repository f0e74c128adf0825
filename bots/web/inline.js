// @ts-nocheck
/* oxlint-disable */
// The marks inside a block of Markdown -> nodes. Text only ever becomes text nodes.
// What would be looked for again and again is found once: which code, label or mark ends where. So the time is linear.

import { element as classed } from "/static/dom.js";

export const DEPTH = 8; // marks, quotes and lists inside each other

const ADDRESS_MAX = 2000;
const TAG = /<(?:br *\/?|((?:https?:\/\/|mailto:)[^\s<>]+))>/iy;
const BARE = new RegExp(`(?:https?:\\/\\/|mailto:)[^\\s<>"'\`，。；：！？、）】》」]{1,${ADDRESS_MAX}}`, "iy");
const TARGET = new RegExp(
  `\\(\\s*<?((?:[^\\s()<>]|\\([^\\s()]*\\)){0,${ADDRESS_MAX}})>?(?:\\s+(?:"[^"]*"|'[^']*'))?\\s*\\)`, "y");
const ESCAPED = /[!-/:-@[-`{-~]/;
const WORD = /[\p{L}\p{N}_]/u;

const BUILD = {
  1: (inner) => element("em", inner),
  2: (inner) => element("strong", inner),
  3: (inner) => element("strong", element("em", inner)),
};

/** `children` are nodes, texts, or lists of them, of any length: arguments are limited. */
export function element(name, ...children) {
  const made = classed(name);
  for (const child of children.flat()) made.append(child);
  return made;
}

/** The nodes of a text. Where it is `growing`, marks that are open at its end count as closed there. */
export function inline(text, { growing = false, depth = 0 } = {}) {
  return new Inline(text, growing, depth).read();
}

class Inline {
  constructor(text, growing, depth) {
    Object.assign(this, { text, growing, depth, at: 0, nodes: [], plain: "" });
    this.runs = backtickRuns(text);
    this.labels = depth < DEPTH ? labelEnds(text) : new Map();
    this.never = new Set(); // marks that nothing closes from here on
  }

  read() {
    while (this.at < this.text.length) this.step(this.text[this.at], this.text[this.at + 1] ?? "");
    this.put();
    return this.nodes;
  }

  step(char, next) {
    const { text, at } = this;
    if (char === "\\" && ESCAPED.test(next)) this.say(next, 2);
    else if (char === "\n") {
      this.plain = this.plain.trimEnd();
      this.put(element("br"));
      this.at++;
    } else if (char === "`") this.code(runLength(text, at));
    else if (char === "[") this.link(at) || this.say(char);
    else if (char === "!" && next === "[") this.link(at + 1) || this.say(char);
    else if (char === "<") this.tag() || this.say(char);
    else if ("hHm".includes(char) && !/\w/.test(text[at - 1] ?? "")) this.bare() || this.say(char);
    else if (char === "*" || char === "_") this.marked(char.repeat(runLength(text, at)));
    else if (char === "~" && next === "~") this.marked("~~");
    else this.say(char);
  }

  say(words, length = words.length) {
    this.plain += words;
    this.at += length;
  }

  put(...made) {
    if (this.plain) this.nodes.push(document.createTextNode(this.plain));
    this.plain = "";
    this.nodes.push(...made);
  }

  code(ticks) {
    const { text, at } = this;
    const start = at + ticks;
    const end = nextRun(this.runs, ticks, start);
    if (end < 0 && !this.growing) return this.say("`".repeat(ticks));
    this.at = end < 0 ? text.length : end + ticks;
    const code = text.slice(start, end < 0 ? text.length : end);
    const spaced = code.length > 2 && code.startsWith(" ") && code.endsWith(" ") && code.trim();
    if (code) this.put(element("code", spaced ? code.slice(1, -1) : code)); // else a mark, and nothing yet
  }

  /** `[label](target "title")` at `at`. While it grows, a half one is its label. */
  link(at) {
    const { text } = this;
    const end = this.labels.get(at);
    if (end === undefined || text[end + 1] !== "(") return false;
    const label = text.slice(at + 1, end);
    const inner = (words) => inline(words, { depth: this.depth + 1 });
    const whole = sticky(TARGET, text, end + 1);
    if (whole) {
      if (!safe(whole[1])) return false;
      this.put(anchor(whole[1], inner(label || whole[1])));
      this.at = end + 1 + whole[0].length;
      return true;
    }
    if (!this.growing || !label || lastSpace(this) > end) return false;
    for (const node of inner(label)) this.put(node);
    this.at = text.length;
    return true;
  }

  tag() {
    const found = sticky(TAG, this.text, this.at);
    if (!found) return false;
    this.put(found[1] ? anchor(found[1], [found[1]]) : element("br"));
    this.at += found[0].length;
    return true;
  }

  bare() {
    const found = sticky(BARE, this.text, this.at)?.[0] ?? "";
    const bare = trimmedEnd(found, ".,;:!?*_~");
    const address = bare.includes("(") ? bare : trimmedEnd(bare, ")");
    if (!address) return false;
    this.put(anchor(address, [address]));
    this.at += address.length;
    return true;
  }

  /** Strong, emphasised or struck text that begins here with `run`. */
  marked(run) {
    const { text, at, growing, depth } = this;
    const start = at + run.length;
    const blank = /\s/.test(text[start] ?? " ") && !(growing && start >= text.length);
    const inWord = WORD.test(text[at - 1] ?? "");
    if (depth >= DEPTH || run.length > 3 || blank || (run[0] === "_" && inWord)) return this.say(run);
    const end = this.never.has(run) ? -1 : this.markEnd(start, run);
    if (end < 0) this.never.add(run);
    if (end < 0 && (!growing || (run.length === 1 && inWord))) return this.say(run);
    const inner = end < 0 ? trimmedEnd(text.slice(start), "*_~") : text.slice(start, end);
    const nodes = inline(inner, { growing: growing && end + run.length >= text.length || end < 0, depth: depth + 1 });
    this.put(run[0] === "~" ? element("del", nodes) : BUILD[run.length](nodes));
    this.at = end < 0 ? text.length : end + run.length;
  }

  markEnd(start, run) {
    const { text } = this;
    for (let at = start; at < text.length; at++) {
      const char = text[at];
      if (char === "\\") at++;
      else if (char === "`") {
        const ticks = runLength(text, at);
        const end = nextRun(this.runs, ticks, at + ticks);
        at = (end < 0 ? at : end) + ticks - 1;
      } else if (char === run[0]) {
        const length = runLength(text, at);
        const closes = !/\s/.test(text[at - 1] ?? " ") && at > start
          && !(char === "_" && WORD.test(text[at + length] ?? ""));
        if (closes && (length === run.length || (length === 3 && run.length < 3))) return at + length - run.length;
        at += length - 1;
      }
    }
    return -1;
  }
}

export function runLength(text, at, char = text[at]) {
  let end = at;
  while (end < text.length && text[end] === char) end++;
  return end - at;
}

/** Where the runs of backticks begin, in order, by their length. */
function backtickRuns(text) {
  const runs = new Map();
  for (let at = text.indexOf("`"); at >= 0; at = text.indexOf("`", at)) {
    const length = runLength(text, at);
    if (!runs.has(length)) runs.set(length, []);
    runs.get(length).push(at);
    at += length;
  }
  return runs;
}

/** The first run of that length from `from` on, or -1. */
function nextRun(runs, length, from) {
  const starts = runs.get(length) ?? [];
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] < from) low = middle + 1;
    else high = middle;
  }
  return starts[low] ?? -1;
}

/** For each `[` the place of its `]`. */
function labelEnds(text) {
  const [ends, open] = [new Map(), []];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "[") open.push(at);
    else if (text[at] === "]" && open.length) ends.set(open.pop(), at);
  }
  return ends;
}

function lastSpace(of) {
  if (of.space === undefined) {
    of.space = of.text.length - 1;
    while (of.space >= 0 && !/\s/.test(of.text[of.space])) of.space--;
  }
  return of.space;
}

function sticky(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function trimmedEnd(text, chars) {
  let end = text.length;
  while (end && chars.includes(text[end - 1])) end--;
  return text.slice(0, end);
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
  const made = element("a", label);
  made.href = target;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
}
