// Elements.

export const $ = (id) => document.getElementById(id);

export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function button(label, pressed, className = "quiet") {
  const made = element("button", className, label);
  made.type = "button";
  made.addEventListener("click", () => pressed(made));
  return made;
}
