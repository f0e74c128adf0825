// Elements.

/** @type {(id: string) => HTMLElement} */
export const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @type {(selector: string) => NodeListOf<HTMLElement>} */
export const all = (selector) => document.querySelectorAll(selector);

/**
 * The element around the target of an event that `selector` names.
 * @type {(event: Event, selector: string) => HTMLElement | null}
 */
export const closest = ({ target }, selector) => target instanceof Element ? target.closest(selector) : null;

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {(Node | string)[]} children
 */
export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** @type {(label: string, pressed: (made: HTMLButtonElement) => void, className?: string) => HTMLButtonElement} */
export function button(label, pressed, className = "quiet") {
  const made = element("button", className, label);
  made.type = "button";
  made.addEventListener("click", () => pressed(made));
  return made;
}
