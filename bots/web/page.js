// Parley's page. The address says which thread (#id); the server says what stands in it: the complete view on
// every (re)connection, then each message that changed. All words of answers become text nodes, never HTML.

import { $, button, element } from "/static/dom.js";
import { show } from "/static/markdown.js";
import { offer } from "/static/offers.js";
import { call, uuid } from "/static/server.js";
import { open } from "/static/sheet.js";
import { LANGUAGE, LOCALE, SAY } from "/static/words.js";

const HIDDEN_MS = 20_000; // a tab out of sight for so long gives its connection back: browsers allow six
const AGAIN_MS = 2000;
const QUOTED = 16_000; // characters of a message that is asked about

const [nav, menu, list, title, scroll, log] = ["threads", "menu", "list", "title", "scroll", "log"].map($);
const [empty, thinking, latest, line, fault] = ["empty", "thinking", "latest", "line", "fault"].map($);
const [form, box, offers, offered] = ["form", "box", "offers", "offered"].map($);

let thread = null; // what is shown: null for a new one
let visit = 0; // counts what was shown: a thread may turn into a new one while it is looked at
let threads = [];
const messages = new Map(); // id -> {view, article, body, ...}
const unsent = new Map(); // text -> its client id: sent again, it is still one question

// What is heard from the server.

let events = null;
let again = 0;

function connect() {
  disconnect();
  if (thread === null || document.hidden) return;
  events = new EventSource(`/api/threads/${encodeURIComponent(thread)}/events`);
  const on = (name, take) => events.addEventListener(name, ({ data }) => take(JSON.parse(data)));
  on("state", ({ messages: views, thinking_ms }) => { say(line); reconcile(views); think(thinking_ms); });
  on("message", (view) => { if (view.mine) think(0); put(view); });
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
  visit++;
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
  const made = element("time", "", new Intl.DateTimeFormat(LOCALE,
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
    const { article } = put(view);
    let next = before ? before.nextSibling : log.firstChild;
    while (next?.classList.contains("told")) next = next.nextSibling; // they stay where they were said
    if (article !== next) log.insertBefore(article, next);
    before = article;
  }
  mark();
}

/** A command may have had something forgotten: then it does not stay in sight either. */
async function reread() {
  const wanted = thread;
  if (wanted === null) return;
  try {
    const { messages: views } = await call(`/api/threads/${encodeURIComponent(wanted)}`);
    if (wanted === thread) reconcile(views);
  } catch (error) {
    if (error.status !== 404 || wanted !== thread) return; // what is shown stays until it is known to be gone
    reconcile([]);
    thread = null;
    history.replaceState(null, "", "/");
    disconnect();
    mark();
  }
  listThreads();
}

/** Show a view in place of what stands there under its id, or behind the question it answers. */
function put(view) {
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
  message.view = view;
  message.pending = false;
  message.article.classList.remove("pending");
  message.growing = Boolean(view.buttons?.some(({ action: name }) => name === "stop"));
  soon(message);
  empty.hidden = true;
  return message;
}

function article(view) {
  const body = element("div", "body");
  const notice = element("p", "notice");
  const buttons = element("div", "buttons");
  const message = { view, body, notice, buttons, growing: false, pending: false };
  const foot = element("div", "foot", buttons, extras(message));
  notice.setAttribute("role", "status");
  message.article = element("article", view.mine ? "mine" : "theirs", body, ...(view.mine ? [notice] : []), foot);
  message.article.setAttribute("aria-label", view.mine ? SAY.parley : SAY.you);
  message.article.dataset.id = view.id;
  message.article.dataset.after = view.after ?? "";
  return message;
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
  else if (body.dataset.shown !== view.text) quote(body, view.text);
  body.hidden = !view.text;
  if (notice.textContent !== (view.notice ?? "")) notice.textContent = view.notice ?? "";
  const wanted = JSON.stringify(view.buttons ?? []);
  if (buttons.dataset.shown !== wanted) {
    const focused = buttons.contains(document.activeElement);
    buttons.dataset.shown = wanted;
    buttons.replaceChildren(...(view.buttons ?? []).map((one) => action(one, article)));
    if (focused) (buttons.firstChild ?? box).focus();
  }
}

/** What a person wrote, as they wrote it; lines that they quote stand apart. */
function quote(body, text) {
  body.dataset.shown = text;
  const [quoted] = /^(?:> ?.*(?:\n+|$))*/.exec(text);
  const words = text.slice(quoted.length);
  const apart = element("blockquote");
  show(apart, quoted.replace(/^> ?/gm, "").trim(), { words: SAY });
  body.replaceChildren(...(quoted ? [apart] : []), words);
}

// What Parley tells whoever did something: it stands here and nowhere else.

/** `under`: the message that it is about; what was told about that before goes. Without one it stands at the end. */
function tell({ text, file, form, buttons }, under = null) {
  const body = element("div", "body");
  const made = element("article", "mine told", body);
  made.setAttribute("aria-label", SAY.parley);
  made.setAttribute("role", "status");
  show(body, text, { words: SAY });
  const below = [
    ...(file ? [download(file)] : []),
    ...(form ? [button(SAY.change, () => fill(form))] : []),
    ...buttons.map((one) => action(one, under)),
  ];
  if (below.length) made.append(element("div", "buttons", ...below));
  empty.hidden = true;
  if (under?.isConnected) {
    if (under.nextSibling?.classList.contains("told")) under.nextSibling.remove();
    under.after(made);
    made.scrollIntoView({ block: "nearest" });
  } else {
    log.append(made);
    follow = true;
  }
  stick();
}

function download({ name, type, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const link = element("a", "quiet", `↓ ${name}`);
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  return link;
}

/** A line to write on in the place of `pressed`, which comes back with Escape. `done(words)` is true once it is sent. */
function asking(pressed, { label, hint = "", needed = true, done }) {
  const words = element("input", "why");
  words.ariaLabel = label;
  words.placeholder = hint;
  words.maxLength = 1000;
  const made = element("form", "reason", words, element("button", "quiet", SAY.send));
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (needed && !words.value.trim()) { words.focus(); return; }
    if (!await done(words.value)) return;
    made.remove();
    if (document.activeElement === document.body) box.focus(); // it was in what is gone now
  });
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    made.replaceWith(pressed);
    pressed.focus();
  });
  pressed.replaceWith(made);
  words.focus();
}

// Buttons under an answer.

async function press(what, under) {
  try {
    const { told, again } = await call("/api/presses", { ...what, thread });
    say(fault);
    if (told) tell(told, under);
    if (again) spend(what.turn_id);
    return true;
  } catch (error) {
    say(fault, error.words ?? SAY.failed);
    return false;
  }
}

/** Its answer has been taken up again: nothing can be done about it any more. */
function spend(turnId) {
  for (const message of messages.values()) {
    if (!message.view.buttons?.some(({ turn_id }) => turn_id === turnId)) continue;
    message.view = { ...message.view, buttons: [] };
    soon(message);
  }
}

function action({ action: name, label, turn_id }, under) {
  const made = button(label, async () => {
    if (made.ariaDisabled === "true") return;
    if (name === "reason") {
      asking(made, { label, done: (text) => press({ action: name, turn_id, text }, under) });
      return;
    }
    made.ariaDisabled = "true"; // not `disabled`: the focus stays
    const done = await press({ action: name, turn_id }, under);
    made.ariaDisabled = "false";
    if (done && name in OPINIONS) {
      for (const other of made.parentElement.children) if (other.ariaPressed) other.ariaPressed = other === made;
    }
  });
  if (name in OPINIONS) {
    made.ariaPressed = "false";
    made.ariaLabel = made.title = OPINIONS[name];
    made.classList.add("thumb", name);
    made.replaceChildren(); // drawn: not every machine has the signs
  }
  return made;
}

const OPINIONS = { up: SAY.up, down: SAY.down };

// A message's own menu, and commands that are not typed.

function extras(message) {
  const items = element("div", "items");
  items.hidden = true;
  const more = button("", () => toggle(items.hidden), "more");
  more.ariaLabel = more.title = SAY.more;
  more.ariaExpanded = "false";

  function toggle(shown) {
    items.hidden = !shown;
    more.ariaExpanded = String(shown);
    if (shown) items.replaceChildren(about, since);
  }
  async function run(name, options) {
    const done = await command(name, options, message.article);
    if (done) toggle(false);
    return done;
  }
  const about = button(SAY.ask, () => asking(about, {
    label: SAY.question, hint: SAY.meaning, needed: false,
    done: (question) => run("ask", { about: (message.view.text || message.view.notice).slice(0, QUOTED), question }),
  }));
  const since = button(SAY.summarize, () => {
    const { view } = messages.get(message.view.after) ?? message; // an answer has the time of its question
    run("summarize", { since: view.at });
  });
  const made = element("div", "menu", more, items);
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || items.hidden) return;
    toggle(false);
    more.focus();
  });
  return made;
}

/** Have a command done. True unless it could not even be sent. */
async function command(name, options = {}, under = null) {
  const here = visit;
  try {
    const { told, thread: where } = await order(name, options);
    if (here !== visit) return true;
    say(fault);
    if (told) { tell(told, under); reread(); } else { enter(where); }
    return true;
  } catch (error) {
    say(fault, error.words ?? SAY.failed);
    return false;
  }
}

const order = (name, options) =>
  call("/api/commands", { name, options, client_id: uuid(), ...(thread !== null && { thread }) });

/** Open a form; what it is sent off with is told where everything else is. */
function fill(form) {
  open(form, {
    send: async ({ command: name }, options) => (await order(name, options)).told,
    read: async (scope) => (await order(form.command, { scope })).told?.form,
    done: (told) => { if (told) tell(told); },
  });
}

async function run(name) {
  if (name !== "settings") { await command(name); return; }
  try {
    const { told } = await order(name, {});
    say(fault);
    if (told.form) fill(told.form);
    else tell(told);
  } catch (error) {
    say(fault, error.words ?? SAY.failed);
  }
}

for (const made of document.querySelectorAll("[data-command]")) {
  made.addEventListener("click", () => {
    if (narrow.matches) nav.hidePopover();
    run(made.dataset.command);
  });
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
  const here = visit;
  say(fault);
  box.value = "";
  fit();
  follow = true;
  const message = put({ id, mine: false, text });
  message.pending = true;
  message.article.classList.add("pending");
  try {
    const answer = await call("/api/asks", { text, client_id: id, ...(asked !== null && { thread: asked }) });
    unsent.delete(text);
    if (answer.told) {
      withdraw(id, message);
      if ((answer.told.refused || !answer.taken) && !box.value) { box.value = text; fit(); }
      if (here === visit) { tell(answer.told); reread(); }
      return;
    }
    message.pending = false;
    message.article.classList.remove("pending");
    if (here === visit) enter(answer.thread);
    else listThreads();
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

/** A question has opened the thread that it is answered in, or stands in the one that is shown. */
function enter(opened) {
  if (thread === null) {
    history.pushState(null, "", `#${opened}`);
    thread = opened;
    mark();
    connect();
  } else if (opened !== thread) {
    go(opened);
  }
  follow = true;
  listThreads();
}

/** What was not taken, or was a command, does not stand among the messages. */
function withdraw(id, message) {
  if (messages.get(id) !== message) return;
  message.article.remove();
  messages.delete(id);
  empty.hidden = messages.size > 0 || thread !== null;
}

function fit() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

const forOffers = offer(box, offers, offered, () => thread);
box.addEventListener("input", fit);
box.addEventListener("keydown", (event) => {
  if (forOffers(event)) return;
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

document.documentElement.lang = LANGUAGE === "zh" ? "zh-Hans" : LOCALE;
for (const made of document.querySelectorAll("[data-say]")) made.textContent = SAY[made.dataset.say];
for (const made of document.querySelectorAll("[data-label]")) made.ariaLabel = SAY[made.dataset.label];
go(location.hash.slice(1) || null);
listThreads();
box.focus();
