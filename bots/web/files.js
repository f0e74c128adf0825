// The chosen files that a message can hold, and their sizes as text.

import { filled, LIMITS, LOCALE, SAY } from "/static/words.js";

/** @type {(file: { type: string }) => boolean} */
export const isPicture = ({ type }) => type.startsWith("image/");

/** A size in bytes, in kilobytes or megabytes. @param {number} bytes */
export function sized(bytes) {
  const [unit, size] = bytes < 999_500 ? ["kilobyte", Math.max(1, bytes / 1e3)] : ["megabyte", bytes / 1e6];
  const maximumFractionDigits = size < 10 && unit === "megabyte" ? 1 : 0;
  return new Intl.NumberFormat(LOCALE, { style: "unit", unit, maximumFractionDigits }).format(size);
}

/**
 * The files of `chosen` that a message with `held` files still takes, and the reason why it takes no others.
 * @param {File[]} chosen
 * @param {number} held
 */
export async function choose(chosen, held) {
  const whys = await Promise.all(chosen.map(why));
  const fit = chosen.filter((_, i) => !whys[i]);
  const taken = fit.slice(0, Math.max(0, LIMITS.files - held));
  const names = fit.slice(taken.length).map(({ name }) => name);
  const faults = whys.filter((said) => said);
  if (names.length) faults.push(filled(SAY.too_many, { n: LIMITS.files, names: names.join(", ") }));
  return { taken, faults };
}

/** The reason why a message takes no such file; empty where it does. @param {File} file */
async function why(file) {
  if (file.size > (isPicture(file) ? LIMITS.picture : LIMITS.file)) {
    return filled(SAY.too_large, { name: file.name, picture: sized(LIMITS.picture), file: sized(LIMITS.file) });
  }
  const begun = await file.slice(0, 1).arrayBuffer().catch(() => null); // a folder can't be read
  return begun?.byteLength ? "" : filled(SAY.unreadable, { name: file.name });
}
