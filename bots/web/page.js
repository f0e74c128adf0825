// Parley's page. The address says which thread (#id); the server says what stands in it: the complete view on
// every (re)connection, then each message that changed. All words of answers become text nodes, never HTML.

import { show } from "/static/markdown.js";

const WORDS = {
  en: {
    new: "New thread", threads: "Threads", untitled: "Untitled", board: "Notices", conversation: "Conversation",
    greeting: "What would you like to know?",
    promise: "The answer grows here, in a thread of its own that you can come back to.",
    label: "Your message", send: "Send", hint: "Enter sends, Shift + Enter starts a new line.",
    thinking: "Thinking", latest: "↓ Latest", you: "You", parley: "Parley", sending: "Sending",
    copy: "Copy", copied: "Copied", lost: "The connection is lost. Trying to get it back.",
    unsent: "This could not be sent: Parley can't be reached. Your words are still in the box.",
    failed: "That did not work: Parley can't be reached. Try again in a moment.",
    missing: "There is no such thread. Start a new one below.",
    unlisted: "The list of threads can't be read just now.",
  },
  zh: {
    new: "新话题", threads: "话题", untitled: "无标题", board: "公告", conversation: "对话",
    greeting: "想了解什么？",
    promise: "回答会在这里逐字出现。每个话题都会保留，随时可以回来继续。",
    label: "你的消息", send: "发送", hint: "按 Enter 发送，按 Shift + Enter 换行。",
    thinking: "正在思考", latest: "↓ 最新", you: "你", parley: "Parley", sending: "正在发送",
    copy: "复制", copied: "已复制", lost: "连接已断开，正在重新连接。",
    unsent: "没能发送：连不上 Parley。你写的内容还在输入框里。",
    failed: "没能完成：连不上 Parley。请稍后再试。",
    missing: "没有这个话题。可以在下方新开一个。",
    unlisted: "暂时读不到话题列表。",
  },
};
const LANGUAGE = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
const SAY = WORDS[LANGUAGE];
const SETTLED_MS = 1200; // an answer that has not changed for so long is not growing
const HIDDEN_MS = 20_000; // a tab out of sight for so long gives its connection back: browsers allow six
const AGAIN_MS = 2000;

const $ = (id) => document.getElementById(id);
const [nav, menu, list, title, scroll, log] = ["threads", "menu", "list", "title", "scroll", "log"].map($);
const [empty, thinking, latest, line, fault] = ["empty", "thinking", "latest", "line", "fault"].map($);
const [form, box] = ["form", "box"].map($);

let thread = null; // what is shown: null for a new one
let threads = [];
const messages = new Map(); // id -> {view, article, body, ...}
const unsent = new Map(); // text -> its client id: sent again, it is still one question

// The server.

async function call(path, body) {
  const response = await fetch(path, body && {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(), { status: response.status, words: answer.error?.message });
  return answer;
}

let events = null;
let again = 0;

function connect() {
  disconnect();
  if (thread === null || document.hidden) return;
  events = new EventSource(`/api/threads/${encodeURIComponent(thread)}/events`);
  const on = (name, take) => events.addEventListener(name, ({ data }) => take(JSON.parse(data)));
  on("state", ({ messages: views, thinking_ms }) => { say(line); reconcile(views); think(thinking_ms); });
  on("message", (view) => { if (view.mine) think(0); put(view, true); });
  on("thinking", ({ ms }) => think(ms));
  events.onerror = () => {
    say(line, SAY.lost);
    if (events.readyState === EventSource.CLOSED) refused(thread); // it will not try again by itself
  };
}

function disconnect() {
  events?.close();
  events = null;
  clearTimeout(again);
}

/** The connection was refused: for good, because there is no such thread, or for now. */
async function refused(wanted) {
  let missing = false;
  try {
    await call(`/api/threads/${encodeURIComponent(wanted)}`);
  } catch (error) {
    missing = error.status === 404;
  }
  if (wanted !== thread) return;
  if (missing) {
    say(line);
    say(fault, SAY.missing);
    go(null);
  } else {
    again = setTimeout(connect, AGAIN_MS);
  }
}

// Threads.

async function listThreads() {
  try {
    ({ threads } = await call("/api/threads"));
  } catch {
    if (!list.childElementCount) say(line, SAY.unlisted);
    return;
  }
  list.replaceChildren(...threads.map(({ id, title, at }) => {
    const link = element("a", "", element("span", "", named(id, title)), time(at));
    link.href = `#${id}`;
    return element("li", "", link);
  }));
  mark();
}

const named = (id, title) => title || (id === "board" ? SAY.board : SAY.untitled);

function mark() {
  for (const link of nav.querySelectorAll("a")) {
    if (link.hash.slice(1) === (thread ?? "")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const first = [...messages.values()].find(({ view }) => !view.mine)?.view.text.split("\n")[0].slice(0, 80);
  const known = threads.find(({ id }) => id === thread);
  title.textContent = thread === null ? SAY.new : known ? named(known.id, known.title || first) : first || SAY.untitled;
  document.title = thread === null ? "Parley" : `${title.textContent} · Parley`;
}

/** Show a thread, or with null the blank page of a new one. */
function go(id) {
  thread = id;
  if (location.hash.slice(1) !== (id ?? "")) history.replaceState(null, "", id === null ? "/" : `#${id}`);
  messages.clear();
  log.replaceChildren();
  think(0);
  follow = true;
  empty.hidden = id !== null;
  mark();
  connect();
}

function time(at) {
  const when = new Date(at);
  const today = when.toDateString() === new Date().toDateString();
  const made = element("time", "", new Intl.DateTimeFormat(navigator.language,
    today ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" }).format(when));
  made.dateTime = at;
  return made;
}

// Messages.

function reconcile(views) {
  const ids = new Set(views.map(({ id }) => id));
  for (const [id, message] of messages) {
    if (ids.has(id) || message.pending) continue;
    message.article.remove();
    messages.delete(id);
  }
  let before = null;
  for (const view of views) {
    const { article } = put(view, false);
    const next = before ? before.nextSibling : log.firstChild;
    if (article !== next) log.insertBefore(article, next);
    before = article;
  }
  mark();
}

/** Show a view in place of what stands there under its id, or behind the question it answers. */
function put(view, growing) {
  let message = messages.get(view.id);
  if (!message) {
    message = article(view);
    messages.set(view.id, message);
    const behind = view.after && [...log.children].findLast(({ dataset: { id, after } }) =>
      id === view.after || after === view.after);
    const before = [...log.children].find(({ dataset: { after } }) => after === view.id); // it came late
    if (behind) behind.after(message.article);
    else if (before) before.before(message.article);
    else log.append(message.article);
  }
  const old = message.view;
  message.view = view;
  message.pending = false;
  message.article.classList.remove("pending");
  message.growing = growing && view.mine && !view.notice && (view.text !== old.text || message.fresh);
  message.fresh = false;
  clearTimeout(message.settle);
  if (message.growing) message.settle = setTimeout(() => { message.growing = false; paint(message); }, SETTLED_MS);
  soon(message);
  empty.hidden = true;
  return message;
}

function article(view) {
  const body = element("div", "body");
  const notice = element("p", "notice");
  const buttons = element("div", "buttons");
  notice.setAttribute("role", "status");
  const made = element("article", view.mine ? "mine" : "theirs", body, ...(view.mine ? [notice, buttons] : []));
  made.setAttribute("aria-label", view.mine ? SAY.parley : SAY.you);
  made.dataset.id = view.id;
  made.dataset.after = view.after ?? "";
  return { view, article: made, body, notice, buttons, fresh: true, growing: false, pending: false };
}

const changed = new Set();
let frame = 0;

/** Paint once a frame, however many views came; at once where frames stand still. */
function soon(message) {
  changed.add(message);
  if (document.hidden) paintAll();
  else frame ||= requestAnimationFrame(paintAll);
}

function paintAll() {
  cancelAnimationFrame(frame);
  frame = 0;
  for (const message of changed) paint(message);
  changed.clear();
  stick();
}

function paint({ view, article, body, notice, buttons, growing }) {
  article.classList.toggle("growing", growing);
  article.setAttribute("aria-busy", growing); // read out once it is whole, not at every word
  if (view.mine) show(body, view.text, { growing: growing || Boolean(view.notice), words: SAY }); // it may have broken off
  else if (body.textContent !== view.text) body.textContent = view.text;
  body.hidden = !view.text;
  if (notice.textContent !== view.notice) notice.textContent = view.notice ?? "";
  const wanted = JSON.stringify(view.buttons ?? []);
  if (buttons.dataset.shown !== wanted) {
    const focused = buttons.contains(document.activeElement);
    buttons.dataset.shown = wanted;
    buttons.replaceChildren(...(view.buttons ?? []).map(button));
    if (focused) (buttons.firstChild ?? box).focus();
  }
}

/** A word from Parley to whoever did something: it stands here and nowhere else. */
function tell({ text, file, buttons }) {
  const body = element("div", "body");
  const made = element("article", "mine told", body);
  made.setAttribute("aria-label", SAY.parley);
  made.setAttribute("role", "status");
  show(body, text, { growing: false, words: SAY });
  if (file) made.append(download(file));
  if (buttons.length) made.append(element("div", "buttons", ...buttons.map(button)));
  log.append(made);
  empty.hidden = true;
  follow = true;
  stick();
}

function download({ name, type, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const link = element("a", "quiet", name);
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  return element("div", "buttons", link);
}

/** The button becomes a line to write on: what it is pressed with. */
function asking({ action, turn_id }, pressed) {
  const words = element("input", "why");
  words.ariaLabel = pressed.textContent;
  words.maxLength = 1000;
  const made = element("form", "reason", words, element("button", "quiet", SAY.send));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!words.value.trim()) { words.focus(); return; }
    press({ action, turn_id, text: words.value }).then((done) => { if (done) made.remove(); });
  });
  pressed.replaceWith(made);
  words.focus();
}

async function press(what) {
  try {
    const { told } = await call("/api/presses", { ...what, thread });
    say(fault);
    if (told) tell(told);
    return true;
  } catch (error) {
    say(fault, error.words ?? SAY.failed);
    return false;
  }
}

function button({ action, label, turn_id }) {
  const made = element("button", "quiet", label);
  made.type = "button";
  made.addEventListener("click", async () => {
    if (made.ariaDisabled === "true") return;
    if (action === "reason") { asking({ action, turn_id }, made); return; }
    made.ariaDisabled = "true"; // not `disabled`: the focus stays
    await press({ action, turn_id });
    made.ariaDisabled = "false";
  });
  return made;
}

let thought = 0;

function think(ms) {
  clearTimeout(thought);
  thinking.hidden = !ms;
  if (ms) thought = setTimeout(() => think(0), ms);
  stick();
}

// Staying at the latest words, unless the reader has gone up.

let follow = true;
let from = 0;

function stick() {
  if (follow) scroll.scrollTop = scroll.scrollHeight;
  latest.hidden = follow;
}

scroll.addEventListener("scroll", () => {
  const gap = scroll.scrollHeight - scroll.clientHeight - scroll.scrollTop;
  if (gap < 40) follow = true;
  else if (scroll.scrollTop < from) follow = false;
  from = scroll.scrollTop;
  latest.hidden = follow || gap < 40;
}, { passive: true });
latest.addEventListener("click", () => { follow = true; stick(); box.focus(); });
new ResizeObserver(stick).observe(scroll);

// Sending.

async function send() {
  const text = box.value.trim();
  if (!text) { box.focus(); return; }
  const id = unsent.get(text) ?? uuid();
  const asked = thread;
  say(fault);
  box.value = "";
  fit();
  follow = true;
  const message = put({ id, mine: false, text }, false);
  message.pending = true;
  message.article.classList.add("pending");
  try {
    const answer = await call("/api/asks", { text, client_id: id, ...(asked !== null && { thread: asked }) });
    unsent.delete(text);
    if (answer.told) {
      withdraw(id, message);
      if (!answer.taken && !box.value) { box.value = text; fit(); }
      if (asked === thread) tell(answer.told);
      return;
    }
    message.pending = false;
    message.article.classList.remove("pending");
    if (asked === null && thread === null) {
      history.pushState(null, "", `#${answer.thread}`);
      thread = answer.thread;
      mark();
      connect();
    }
    listThreads();
  } catch (error) {
    if (messages.get(id) === message && !message.pending) return; // only the word that it arrived was lost
    unsent.set(text, id); // sent again it is the same question, should it have arrived all the same
    withdraw(id, message);
    box.value = box.value.trim() ? `${text}\n\n${box.value}` : text;
    fit();
    say(fault, error.words ?? SAY.unsent);
    box.focus();
  }
}

/** What was not taken, or was a command, does not stand among the messages. */
function withdraw(id, message) {
  if (messages.get(id) !== message) return;
  message.article.remove();
  messages.delete(id);
  empty.hidden = messages.size > 0 || thread !== null;
}

function uuid() { // crypto.randomUUID needs a secure context, getRandomValues does not
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function fit() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

box.addEventListener("input", fit);
box.addEventListener("keydown", (event) => {
  // 229: Safari ends a composition before its Enter arrives.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  send();
});
form.addEventListener("submit", (event) => { event.preventDefault(); send(); });

// The frame of it all.

function say(where, words = "") {
  if (where.textContent !== words) where.textContent = words;
  if (where === line) where.hidden = !words;
}

function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// On a narrow window the list is a drawer: the browser's own popover, with its Escape and its focus.
const narrow = matchMedia("(max-width: 47.99rem)");
function fold() {
  if (narrow.matches) nav.popover = "auto";
  else nav.removeAttribute("popover");
}
narrow.addEventListener("change", fold);
fold();

nav.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link) return;
  if (narrow.matches) nav.hidePopover();
  if (link.hash === "" && thread === null) event.preventDefault();
  say(fault);
  box.focus();
});
addEventListener("hashchange", () => {
  const id = location.hash.slice(1) || null;
  if (id !== thread) go(id);
});

let away = 0;
addEventListener("visibilitychange", () => {
  clearTimeout(away);
  if (document.hidden) {
    away = setTimeout(disconnect, HIDDEN_MS);
  } else {
    listThreads();
    if (!events) connect();
  }
});
addEventListener("online", connect);

document.documentElement.lang = LANGUAGE === "zh" ? "zh-Hans" : "en";
for (const made of document.querySelectorAll("[data-say]")) made.textContent = SAY[made.dataset.say];
for (const made of document.querySelectorAll("[data-label]")) made.ariaLabel = SAY[made.dataset.label];
go(location.hash.slice(1) || null);
listThreads();
box.focus();
