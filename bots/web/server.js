// The way to the server.

/**
 * Calls the server: `body` by POST, without one by GET. Throws an Error with the `status` of a refusal and the `words`
 * that explain it.
 * @type {(path: string, body?: object) => Promise<any>}
 */
export async function call(path, body) {
  const response = await fetch(path, body && {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(), { status: response.status, words: answer.error?.message });
  return answer;
}

export function uuid() { // crypto.randomUUID needs a secure context, getRandomValues does not
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
