// SPDX-License-Identifier: Apache-2.0
// Usage: mermaid.mjs NODE_MODULES <pictures.json: has Mermaid parse each, and says what is in it.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const modules = process.argv[2];
const require = createRequire(modules + "/");
const { JSDOM } = require("jsdom");
const { window } = new JSDOM("<!DOCTYPE html>");
Object.assign(globalThis, { window, document: window.document });
const { default: mermaid } = await import(pathToFileURL(`${modules}/mermaid/dist/mermaid.core.mjs`));
mermaid.initialize({ startOnLoad: false, maxTextSize: 1e7, maxEdges: 1e5 });
for (const picture of JSON.parse(readFileSync(0, "utf8"))) {
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(picture);
  console.log(`${db.getVertices().size} vertices, ${db.getEdges().length} edges`);
}
