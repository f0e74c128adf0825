// The page's modules that need no page: addresses, calls, ids, plurals, and the connection to the server.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import "./static.mjs";

const [shown, requests, sources] = [[], [], []];
let reply;
let hidden = false;

class EventSource extends EventTarget {
  static CLOSED = 2;

  constructor(url) {
    super();
    Object.assign(this, { url, readyState: 1 });
    sources.push(this);
  }

  close() {
    this.readyState = EventSource.CLOSED;
  }

  sends(name, data) {
    this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data) }));
  }
}

Object.assign(globalThis, {
  EventSource,
  location: { hash: "#first" },
  history: { replaceState: (...to) => shown.push(to[2]), pushState: (...to) => shown.push(to[2]) },
  document: { get hidden() { return hidden; } },
  fetch: async (path, init) => {
    requests.push({ path, ...init });
    return reply;
  },
});

const { address, name, turnTo, within } = await import("/static/address.js");
const { connection } = await import("/static/connection.js");
const { call, uuid } = await import("/static/server.js");
const { choose, sized } = await import("/static/files.js");
const { counted, filled } = await import("/static/words.js");

const answer = (status, body) => ({ ok: status < 400, status, json: async () => JSON.parse(body) });
const settled = () => new Promise((done) => { setImmediate(done); });

beforeEach(() => {
  for (const list of [shown, requests, sources]) list.length = 0;
  hidden = false;
});

test("the address says which thread is shown, and calls name it", () => {
  assert.deepEqual(within(), { thread: "first" });
  turnTo("other");
  turnTo(null);
  assert.deepEqual(within(), {});
  name("named");
  assert.deepEqual([address.thread, address.visits, shown], ["named", 2, ["#other", "/", "#named"]]);
});

test("a call without a body is a GET, one with a body posts JSON", async () => {
  reply = answer(200, '{"a": 1}');
  assert.deepEqual(await call("/api/a"), { a: 1 });
  assert.deepEqual(requests.pop(), { path: "/api/a" });
  await call("/api/b", { text: "x" });
  const { method, body, headers } = requests.pop();
  assert.deepEqual([method, body, headers["Content-Type"]], ["POST", '{"text":"x"}', "application/json"]);
});

test("a refused call throws its status and the server's words, whatever the body is", async () => {
  reply = answer(404, '{"error": {"message": "No such thread."}}');
  await assert.rejects(call("/api/a"), { status: 404, words: "No such thread." });
  reply = answer(502, "<html>");
  await assert.rejects(call("/api/a"), { status: 502, words: undefined });
});

test("ids are UUIDs of version 4, each another", () => {
  const ids = Array.from({ length: 100 }, uuid);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test("a sentence takes the plural form of its number, or the general one", () => {
  assert.equal(counted({ one: "{n} thing", other: "{n} things" }, 1), "1 thing");
  assert.equal(counted({ one: "{n} thing", other: "{n} things" }, 2), "2 things");
  assert.equal(counted({ other: "{n} 个" }, 1), "1 个");
});

test("a sentence has its fields filled in, and nothing that stands in them", () => {
  assert.equal(filled("{a} and {b}", { a: "{b}", b: "$&" }), "{b} and $&");
});

test("sizes are in kilobytes or megabytes", () => {
  assert.deepEqual([1, 999, 23_456, 999_499, 999_500, 20_000_000].map(sized),
    ["1 kB", "1 kB", "23 kB", "999 kB", "1 MB", "20 MB"]);
});

const file = (called, size, type = "text/plain", read = async () => new ArrayBuffer(Math.min(1, size))) =>
  ({ name: called, size, type, slice: () => ({ arrayBuffer: read }) });
const folder = file("folder", 20, "", async () => { throw new Error(); });

test("a message takes the files that fit, and says which do not", async () => {
  const [small, other, third] = [file("a", 30), file("b", 20, "image/png"), file("c", 1)];
  assert.deepEqual(await choose([small, other], 0), { taken: [small, other], faults: [] });
  assert.deepEqual(await choose([small, other, third], 1), { taken: [small], faults: ["2 files, without b, c"] });
  assert.deepEqual(await choose([third], 2), { taken: [], faults: ["2 files, without c"] });
  const unfit = [file("d", 31), file("e", 21, "image/png"), file("f", 0), folder, third];
  const { taken, faults } = await choose(unfit, 1);
  assert.deepEqual(taken, [third]);
  assert.deepEqual(faults, ["d: 1 kB or 1 kB", "e: 1 kB or 1 kB", "f: unreadable", "folder: unreadable"]);
});

function heard() {
  const calls = [];
  const names = ["state", "message", "thinking", "listed", "lost", "missing"];
  return [calls, connection(Object.fromEntries(names.map((one) => [one, (...data) => calls.push([one, ...data])])))];
}

test("events of the open thread are passed on, those of the one before it are not", () => {
  const [calls, server] = heard();
  server.open("a b");
  assert.equal(sources[0].url, "/api/threads/a%20b/events");
  sources[0].sends("thinking", { ms: 5 });
  server.open("other");
  assert.equal(sources[0].readyState, EventSource.CLOSED);
  sources[1].sends("message", { id: "1" });
  sources[1].sends("listed", {});
  assert.deepEqual(calls, [["thinking", { ms: 5 }], ["message", { id: "1" }], ["listed", {}]]);
  server.close();
  assert.equal(server.isOpen(), false);
});

test("nothing is opened for a page out of sight", () => {
  const [, server] = heard();
  hidden = true;
  server.open("a");
  server.open(null);
  assert.deepEqual([sources.length, server.isOpen()], [0, false]);
});

test("a new thread hears of the list alone, and its connection is opened again without a word", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const [calls, server] = heard();
  server.open(null);
  assert.equal(sources[0].url, "/api/events");
  sources[0].sends("listed", {});
  sources[0].close();
  sources[0].sends("error");
  await settled();
  t.mock.timers.tick(2000);
  assert.deepEqual([calls, requests, sources.length], [[["listed", {}]], [], 2]);
});

test("a connection that breaks is lost; closed for good, the thread may be missing", async () => {
  const [calls, server] = heard();
  server.open("a");
  sources[0].sends("error");
  await settled();
  assert.deepEqual([calls, requests], [[["lost"]], []]);
  reply = answer(404, "{}");
  sources[0].close();
  sources[0].sends("error");
  await settled();
  assert.deepEqual(calls, [["lost"], ["lost"], ["missing"]]);
});

test("a connection closed for another reason is opened again after two seconds", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const [calls, server] = heard();
  server.open("a");
  reply = answer(503, "{}");
  sources[0].close();
  sources[0].sends("error");
  await settled();
  t.mock.timers.tick(1999);
  assert.equal(sources.length, 1);
  t.mock.timers.tick(1);
  assert.deepEqual([calls, sources.length], [[["lost"]], 2]);
  server.close();
});
