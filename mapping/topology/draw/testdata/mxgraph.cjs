// SPDX-License-Identifier: Apache-2.0
// Usage: mxgraph.cjs NODE_MODULES <pictures.json: has mxGraph's codec decode each, and says what is in it.
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const fromModules = createRequire(process.argv[2] + "/");
const { JSDOM } = fromModules("jsdom");
const { window } = new JSDOM("<!DOCTYPE html>");
globalThis.window = window;
for (const name of ["document", "DOMParser", "XMLSerializer", "Node", "Element"]) globalThis[name] = window[name];
Object.defineProperty(globalThis, "navigator", { value: window.navigator, configurable: true });
const mxgraph = fromModules("mxgraph")({ mxBasePath: ".", mxLoadResources: false, mxLoadStylesheets: false });
Object.assign(window, mxgraph); // where its codec looks for classes
const { mxCodec, mxUtils } = mxgraph;
for (const picture of JSON.parse(readFileSync(0, "utf8"))) {
  const doc = mxUtils.parseXml(picture);
  const model = new mxCodec(doc).decode(doc.getElementsByTagName("mxGraphModel")[0]);
  const cells = Object.values(model.cells);
  for (const c of cells) {
    const g = c.geometry;
    if (c.vertex && ![g.x, g.y, g.width, g.height].every(Number.isFinite)) throw new Error(`cell ${c.id} has no place`);
  }
  const joined = cells.filter((c) => c.edge && c.source && c.target && c.source.vertex && c.target.vertex);
  console.log(`${cells.length} cells, ${joined.length} lines at both ends`);
}
