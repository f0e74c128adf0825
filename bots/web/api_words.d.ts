// What /api/words.js exports: `words` are sentences by key; those with plural forms have one each. `limits` are those of
// a message: how many files, and how many bytes a file and a picture may have.

declare const page: { locale: string; tag: string; words: Record<string, any>; limits: Limits };
interface Limits { files: number; file: number; picture: number }
export default page;
