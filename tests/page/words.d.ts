declare const page: { locale: string; tag: string; words: Record<string, string> };
export default page;
