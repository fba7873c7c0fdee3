/** A picture as a PNG file: its drawings, and the words around them, as they stand on the screen. */

import { colour } from "./look.js";

const SHARP = 2; // pixels of the file to one of the screen
const LEFT_OUT = ".menu, .unseen, .at, .numbers, [hidden]";

/** Save a panel under a name. @param {HTMLElement} root the panel */
export async function save(root, name) {
  const box = root.getBoundingClientRect(), canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  canvas.width = Math.round(box.width * SHARP);
  canvas.height = Math.round(box.height * SHARP);
  pen.scale(SHARP, SHARP);
  pen.translate(-box.left, -box.top);
  pen.fillStyle = colour("paper");
  pen.fillRect(box.left, box.top, box.width, box.height);
  const seen = (node) => !node.closest(LEFT_OUT);
  for (const one of [...root.querySelectorAll("canvas, svg")].filter(seen)) {
    const { left, top, width, height } = one.getBoundingClientRect();
    if (width && height) pen.drawImage(one.localName === "svg" ? await imageOf(one) : one, left, top, width, height);
  }
  for (const one of [...root.querySelectorAll(".swatch")].filter(seen)) swatch(pen, one);
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) if (seen(texts.currentNode.parentElement) && !texts.currentNode.parentElement.closest("svg")) words(pen, texts.currentNode);
  const file = await new Promise((done) => { canvas.toBlob(done, "image/png"); });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** An SVG with the colours that the style sheet gives it. */
async function imageOf(svg) {
  const copy = svg.cloneNode(true), from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((node, i) => {
    const style = getComputedStyle(node);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family", "text-anchor"]) to[i].setAttribute(name, style.getPropertyValue(name));
  });
  const { width, height } = svg.getBoundingClientRect(), image = new Image(width * SHARP, height * SHARP);
  for (const [name, value] of Object.entries({ xmlns: "http://www.w3.org/2000/svg", width, height })) copy.setAttribute(name, value);
  const address = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
  try {
    await new Promise((done, failed) => Object.assign(image, { onload: done, onerror: () => failed(new Error("This browser can't save that picture.")), src: address }));
  } finally { URL.revokeObjectURL(address); }
  return image;
}

function swatch(pen, node) {
  const { left, top, width, height } = node.getBoundingClientRect(), style = getComputedStyle(node), dashed = "dash" in node.dataset;
  pen.globalAlpha = paleness(node);
  pen.fillStyle = dashed ? style.borderTopColor : style.backgroundColor;
  if (dashed) for (const part of [0, 0.6]) pen.fillRect(left + part * width, top, 0.4 * width, 3);
  else pen.fillRect(left, top, width, height);
}

/** A text word by word, since it may stand in several lines. */
function words(pen, text) {
  const range = document.createRange(), style = getComputedStyle(text.parentElement);
  pen.globalAlpha = paleness(text.parentElement);
  pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  pen.fillStyle = style.color;
  pen.textBaseline = "middle";
  for (const { index, 0: word } of text.data.matchAll(/\S+/g)) {
    range.setStart(text, index);
    range.setEnd(text, index + word.length);
    const { left, top, height } = range.getBoundingClientRect();
    if (height) pen.fillText(word, left, top + height / 2);
  }
}

/** A series that is not drawn has a pale name. */
const paleness = (node) => (node.closest('[aria-pressed="false"]') ? 0.6 : 1);
