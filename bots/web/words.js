// The page's sentences, in the language that the browser asks for. They come from the server: core/i18n has them.

import page from "/api/words.js";

export const { locale: LOCALE, tag: TAG, words: SAY, limits: LIMITS } = page;

const forms = new Intl.PluralRules(LOCALE);

/** A sentence with its fields filled in. @type {(sentence: string, fields: Record<string, string | number>) => string} */
export const filled = (sentence, fields) => sentence.replace(/\{(\w+)\}/g, (_, name) => String(fields[name]));

/** A sentence with plural forms, for the number `n`. @type {(sentence: Record<string, string>, n: number) => string} */
export const counted = (sentence, n) => (sentence[forms.select(n)] ?? sentence.other).replace("{n}", String(n));
