// The page's sentences, in the language that the browser asks for. They come from the server: core/i18n has them.

import page from "/api/words.js";

export const { locale: LOCALE, tag: TAG, words: SAY } = page;

const forms = new Intl.PluralRules(LOCALE);

/** A sentence with plural forms, for the number `n`. @type {(sentence: Record<string, string>, n: number) => string} */
export const counted = (sentence, n) => (sentence[forms.select(n)] ?? sentence.other).replace("{n}", String(n));
