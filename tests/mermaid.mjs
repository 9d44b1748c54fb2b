// What mermaid reads in a flowchart: node tests/mermaid.mjs FOLDER <flowchart
//
// FOLDER is where tests/servers.sh put mermaid and jsdom. Prints {"nodes":{name:[lines]},"edges":[[from,to,stroke]],
// "classes":{name:[classes]}}, labels as a browser would show them; what mermaid refuses is an error.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const folder = process.argv[2] + "/";
const { JSDOM } = createRequire(folder)("jsdom");
const { window } = new JSDOM("<!doctype html><body></body>");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import(folder + "mermaid/dist/mermaid.esm.min.mjs");
mermaid.initialize({ startOnLoad: false });

// Mermaid keeps an entity in this form until it hands the label to the browser as HTML.
function lines(label) {
    const html = label.replaceAll("ﬂ°°", "&#").replaceAll("ﬂ°", "&").replaceAll("¶ß", ";");
    const element = document.createElement("div");
    element.innerHTML = html;
    const stray = [...element.querySelectorAll("*")].filter((child) => child.tagName !== "BR");
    if (stray.length) throw new Error("markup in a label: " + html);
    const texts = [""];
    for (const child of element.childNodes) {
        if (child.nodeType === window.Node.TEXT_NODE) texts[texts.length - 1] += child.data;
        else texts.push("");
    }
    return texts;
}

const text = readFileSync(0, "utf8");
await mermaid.parse(text);
const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
const nodes = [...db.getVertices().values()];
const answer = {
    nodes: Object.fromEntries(nodes.map((node) => [node.id, lines(node.text)])),
    edges: db.getEdges().map((edge) => [edge.start, edge.end, edge.stroke]),
    classes: Object.fromEntries(nodes.map((node) => [node.id, node.classes])),
};
console.log(JSON.stringify(answer));
