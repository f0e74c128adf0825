// Requests to the server.

/**
 * Calls the server: `body` by POST, without one by GET. Throws an Error with the `status` of a refusal and the `words`
 * that explain it.
 * @type {(path: string, body?: object) => Promise<any>}
 */
export async function call(path, body) {
  const response = await fetch(path, body && {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  return answered(response.status, await response.json().catch(() => ({})));
}

/** @param {number} status @param {any} answer */
function answered(status, answer) {
  if (status >= 200 && status < 300) return answer;
  throw Object.assign(new Error(), { status, words: answer.error?.message });
}

/**
 * Sends a form by POST as `call` does. `progress` gets the part that has been sent, from 0 to 1. Once `signal` is
 * aborted, the error thrown is `cancelled`.
 * @type {(path: string, form: FormData, how: { progress: (part: number) => void, signal: AbortSignal }) => Promise<any>}
 */
export function send(path, form, { progress, signal }) {
  const request = new XMLHttpRequest(); // fetch reports no progress of uploads
  const sent = new Promise((resolve, reject) => {
    request.addEventListener("load", () => resolve(request.response ?? {}));
    request.addEventListener("error", () => reject(new Error()));
    request.addEventListener("abort", () => reject(Object.assign(new Error(), { cancelled: true })));
  });
  request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
  signal.addEventListener("abort", () => request.abort());
  request.responseType = "json"; // null where it is none
  request.open("POST", path);
  request.send(form);
  return sent.then((answer) => answered(request.status, answer));
}

export function uuid() { // crypto.randomUUID needs a secure context, getRandomValues does not
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
