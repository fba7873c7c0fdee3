/** Building the page: whatever comes from data goes in as text, so a name can't become markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element.
 * @param {string} kind "div", or "div.class.class"
 * @param {Object} [traits] attributes; `on...` are listeners, `text` is its text; null and false are left out
 * @param {...(Node|string|null)} children strings become text
 * @returns {HTMLElement}
 */
export function el(kind, traits = {}, ...children) {
  const [name, ...classes] = kind.split(".");
  return fill(document.createElement(name), classes, traits, children);
}

/** As `el`, in a picture. @returns {SVGElement} */
export function svg(kind, traits = {}, ...children) {
  const [name, ...classes] = kind.split(".");
  return fill(document.createElementNS(SVG, name), classes, traits, children);
}

function fill(node, classes, traits, children) {
  if (classes.length) node.classList.add(...classes);
  for (const [name, value] of Object.entries(traits)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children) if (child !== null && child !== undefined) node.append(child);
  return node;
}

/** Replace what is in a node. */
export function put(node, ...children) {
  node.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

/** A word for those who can't see what changed. */
export function say(words) {
  document.getElementById("say").textContent = words;
}

/** A function that runs at most once a frame, with the newest arguments. */
export function eachFrame(work) {
  let waiting = null;
  return (...words) => {
    if (waiting === null) requestAnimationFrame(() => { const now = waiting; waiting = null; work(...now); });
    waiting = words;
  };
}

/** A canvas with the right number of pixels, and its context in CSS pixels. */
export function sharpen(canvas, width, height) {
  const ratio = Math.min(globalThis.devicePixelRatio || 1, 3);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
}
