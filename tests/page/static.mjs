// Resolves the addresses of the page's modules for Node: /static/ is bots/web, /api/words.js the words below.

import { registerHooks } from "node:module";

const FOLDER = new URL("../../bots/web/", import.meta.url);
const PAGE = {
  locale: "en",
  tag: "en",
  words: {
    too_many: "{n} files, without {names}",
    too_large: "{name}: {picture} or {file}",
    unreadable: "{name}: unreadable",
  },
  limits: { files: 2, file: 30, picture: 20 },
};
const WORDS = `data:text/javascript,export default ${encodeURIComponent(JSON.stringify(PAGE))}`;

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === "/api/words.js") return { url: WORDS, format: "module", shortCircuit: true };
    if (!specifier.startsWith("/static/")) return next(specifier, context);
    return { url: new URL(specifier.slice("/static/".length), FOLDER).href, format: "module", shortCircuit: true };
  },
});
