// SPDX-License-Identifier: Apache-2.0
// Measures pictures as the browser has drawn them: what it says is wrong, else what there is.
const pictures = [...document.querySelectorAll("svg")], wrong = [];
const slack = 0.5; // pixels; above and below the letters of a text is room that its box counts
const inside = (a, b) => a.left >= b.left - slack && a.right <= b.right + slack && a.top >= b.top - 3 && a.bottom <= b.bottom + 3;
const meets = (a, b) => a.left < b.right - slack && b.left < a.right - slack && a.top < b.bottom - 4 && b.top < a.bottom - 4;
const measure = (e) => ({ text: e.textContent, box: e.getBoundingClientRect() });

let texts = 0;
for (const picture of pictures) {
  const boxes = [...picture.querySelectorAll("text")].map(measure).sort((a, b) => a.box.left - b.box.left);
  const cards = [...picture.querySelectorAll("rect.edge")].map((e) => e.getBoundingClientRect());
  const paper = picture.getBoundingClientRect();
  texts += boxes.length;
  boxes.forEach(({ text, box }, i) => {
    for (let k = i + 1; k < boxes.length && boxes[k].box.left < box.right; k++) {
      if (meets(box, boxes[k].box)) wrong.push(`${text} meets ${boxes[k].text}`);
    }
    if (!inside(box, paper)) wrong.push(`${text} is off the paper`);
    const on = cards.filter((c) => meets(box, c));
    if (on.length > 0 && !on.some((c) => inside(box, c))) wrong.push(`${text} is not on its card`);
  });
}
const fills = new Set([...document.querySelectorAll(".paper")].map((e) => getComputedStyle(e).fill));
if (document.querySelectorAll("script").length !== 1 || document.querySelector("a, foreignObject")) wrong.push("there are elements that nobody drew");
document.getElementById("out").textContent = wrong.length
  ? wrong.slice(0, 5).join("\n")
  : `${pictures.length} pictures, ${texts} texts, paper ${[...fills].join(", ")}\n`;
