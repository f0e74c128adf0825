// What /api/words.js exports: `words` are sentences by key; those with plural forms have one each.

declare const page: { locale: string; tag: string; words: Record<string, any> };
export default page;
