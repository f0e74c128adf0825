// Runs the page's renderer without a browser: a folder of modules, and on stdin [{text, growing, cuts}] as JSON.
// Answers for each with the milliseconds of the processor that it took, and what was built.

import { pathToFileURL } from "node:url";

class Node {
  constructor(name, text = "") {
    Object.assign(this, { nodeName: name.toUpperCase(), childNodes: [], text });
  }

  append(...nodes) {
    for (const node of nodes) {
      const made = typeof node === "string" ? new Node("#text", node) : node;
      made.parent = this;
      this.childNodes.push(made);
    }
  }

  remove() {
    this.parent.childNodes.splice(this.parent.childNodes.indexOf(this), 1);
  }

  addEventListener() {}

  get lastChild() {
    return this.childNodes.at(-1);
  }

  get textContent() {
    return this.text + this.childNodes.map((node) => node.textContent).join("");
  }

  get html() {
    const [name, inner] = [this.nodeName.toLowerCase(), this.childNodes.map((node) => node.html).join("")];
    return name === "#text" ? this.text : `<${name}${this.href ? ` ${this.href}` : ""}>${inner}</${name}>`;
  }
}

globalThis.document = {
  createElement: (name) => new Node(name),
  createTextNode: (text) => new Node("#text", text),
};

const { show } = await import(pathToFileURL(`${process.argv[2]}/markdown.js`));
let input = "";
for await (const chunk of process.stdin) input += chunk;
const built = JSON.parse(input).map(({ text, growing = false, cuts = [text.length] }) => {
  const root = new Node("div");
  const began = process.cpuUsage();
  for (const cut of cuts) show(root, text.slice(0, cut), { growing });
  const { user, system } = process.cpuUsage(began);
  return { ms: (user + system) / 1000, text: root.textContent, html: root.html };
});
console.log(JSON.stringify(built));
