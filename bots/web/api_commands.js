// Sends a command that is not typed.

import { within } from "/static/address.js";
import { call, uuid } from "/static/server.js";

/** @type {(name: string, options?: Record<string, string>) => Promise<Outcome>} */
export const order = (name, options = {}) =>
  call("/api/commands", { name, options, client_id: uuid(), ...within() });
