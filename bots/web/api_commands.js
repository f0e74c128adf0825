// A command that is not typed, on its way to the server.

import { within } from "/static/address.js";
import { call, uuid } from "/static/server.js";

/** Resolves to what is told, or to the thread in which it became a question. */
export const order = (name, options = {}) =>
  call("/api/commands", { name, options, client_id: uuid(), ...within() });
