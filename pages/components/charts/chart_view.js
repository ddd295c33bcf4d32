// Downloads of the chart above (PNG and SVG drawn here from its own SVG, CSV as given) and its data as a table.
// Reads the chart's SVG and changes nothing in it.

import { button } from "../browser/button.js";
import { download } from "../browser/download.js";
import { el } from "../browser/element.js";
import { mount } from "../browser/mount.js";

/**
 * @typedef {object} ChartData
 * @property {string} scope  the class of the container the chart stands in
 * @property {string} stem  of the files' names
 * @property {string} alt
 * @property {string} csv
 * @property {string[]} names
 * @property {string[][]} rows
 * @property {number} more  rows that only the CSV file holds
 * @property {boolean} pick
 */

const SVG = "http://www.w3.org/2000/svg";
const SCALE = 2; // pixels of the PNG a CSS pixel: sharp in a paper
const LIVE_LAYERS = ".hoverlayer, .zoomlayer, .draglayer, .outline-controllers";

class ChartFiles {
  /** @type {ChartData} */ data;
  /** @type {string | undefined} */ scheme;

  /** @param {ShadowRoot} parent */
  constructor(parent) {
    this.parent = parent;
  }

  /** @param {import("../browser/mount.js").Component<ChartData>} component */
  update({ data, setStateValue, setTriggerValue }) {
    if (!data) return;
    const scheme = getComputedStyle(app()).colorScheme;
    // Only a change is reported: the first scheme is what Streamlit has drawn the chart in.
    if (this.scheme !== undefined && this.scheme !== scheme) setStateValue("scheme", scheme);
    this.scheme = scheme;
    if (JSON.stringify(data) === JSON.stringify(this.data)) return;
    this.data = data;
    this.parent.querySelector("#files")?.replaceChildren(
      button("PNG", "Download this chart as a PNG picture", null, () => savePng(data)),
      button("SVG", "Download this chart as an SVG picture", null, () => download(svgFile(data), `${data.stem}.svg`)),
      button("CSV", "Download this chart's data as CSV", null, () =>
        download(new Blob([data.csv], { type: "text/csv;charset=utf-8" }), `${data.stem}.csv`)),
    );
    this.parent.querySelector("#data")?.replaceChildren(dataTable(data, (index) => setTriggerValue("picked", index)));
  }
}

/** @param {ChartData} data @param {(index: number) => void} pick */
function dataTable(data, pick) {
  const head = el("tr", {}, ...data.names.map((name) => el("th", { scope: "col" }, name)), data.pick ? el("td") : null);
  const rows = data.rows.map((cells, index) => {
    const row = el("tr", {}, ...cells.map((cell) => el("td", {}, el("bdi", {}, cell))));
    if (data.pick) row.append(el("td", {}, button("Show", `Show what is behind ${cells.join(", ")}`, null, () => pick(index))));
    return row;
  });
  const table = el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows));
  const more = data.more ? el("p", {}, `${data.more} more rows are in the CSV file.`) : null;
  return el("details", {}, el("summary", {}, "Data"), el("div", { class: "scroll", tabindex: "0" }, table), more);
}

/** @returns {Element} what Streamlit's theme is set on */
function app() {
  return /** @type {Element} */ (document.querySelector('[data-testid="stApp"]'));
}

/** Plotly stacks several SVG layers; one SVG with all of them is the picture. @param {ChartData} data */
function svgFile(data) {
  const layers = [...document.querySelectorAll(`.${CSS.escape(data.scope)} .js-plotly-plot svg.main-svg`)];
  const { width, height } = layers[0].getBoundingClientRect();
  const out = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const title = svg("title", {});
  title.textContent = data.alt;
  out.append(title, svg("rect", { width, height, fill: getComputedStyle(app()).backgroundColor }));
  for (const layer of layers) {
    const copy = /** @type {Element} */ (layer.cloneNode(true));
    copy.querySelectorAll(LIVE_LAYERS).forEach((part) => part.remove());
    copy.removeAttribute("style");
    out.append(copy);
  }
  return new Blob([new XMLSerializer().serializeToString(out)], { type: "image/svg+xml" });
}

/** @param {string} tag @param {Record<string, string | number>} attributes */
function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

/** @param {ChartData} data */
async function savePng(data) {
  const url = URL.createObjectURL(svgFile(data));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = el("canvas", { width: image.naturalWidth * SCALE, height: image.naturalHeight * SCALE });
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => blob && download(blob, `${data.stem}.png`), "image/png");
  } finally {
    URL.revokeObjectURL(url);
  }
}

export default mount(ChartFiles);
