// Downloads of the chart above (PNG and SVG drawn here from its own SVG, CSV as given) and its data as a table.
// Owns the DOM below its root; reads the chart's SVG and changes nothing in it. Text is written as text nodes alone.

const SVG = "http://www.w3.org/2000/svg";
const SCALE = 2;
const LIVE_LAYERS = ".hoverlayer, .zoomlayer, .draglayer, .outline-controllers";
const seen = new WeakMap();
const schemes = new WeakMap();

export default function (component) {
  const { parentElement, data, setStateValue, setTriggerValue } = component;
  if (!data) return;
  const scheme = getComputedStyle(document.querySelector('[data-testid="stApp"]')).colorScheme;
  if (schemes.has(parentElement) && schemes.get(parentElement) !== scheme) setStateValue("scheme", scheme);
  schemes.set(parentElement, scheme);
  const text = JSON.stringify(data);
  if (seen.get(parentElement) === text) return;
  seen.set(parentElement, text);
  const files = parentElement.querySelector("#files");
  files.replaceChildren(
    button("PNG", "Download this chart as a PNG picture", () => savePng(data)),
    button("SVG", "Download this chart as an SVG picture", () => save(new Blob([picture(data)], { type: "image/svg+xml" }), `${data.stem}.svg`)),
    button("CSV", "Download this chart's data as CSV", () => save(new Blob([data.csv], { type: "text/csv;charset=utf-8" }), `${data.stem}.csv`)),
  );
  parentElement.querySelector("#data").replaceChildren(table(data, (index) => setTriggerValue("picked", index)));
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function button(label, title, act) {
  const made = element("button", { type: "button", title, "aria-label": title }, label);
  made.onclick = act;
  return made;
}

function table(data, pick) {
  const head = element("tr", {}, ...data.names.map((name) => element("th", { scope: "col" }, name)));
  if (data.pick) head.append(element("td"));
  const rows = data.rows.map((cells, index) => {
    const row = element("tr", {}, ...cells.map((cell) => element("td", {}, element("bdi", {}, cell))));
    if (data.pick) row.append(element("td", {}, button("Show", `Show what is behind ${cells.join(", ")}`, () => pick(index))));
    return row;
  });
  const made = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  const more = data.more ? [element("p", {}, `${data.more} more rows are in the CSV file.`)] : [];
  return element("details", {}, element("summary", {}, "Data"), element("div", { class: "scroll", tabindex: "0" }, made), ...more);
}

function chart(data) {
  return document.querySelector(`.${CSS.escape(data.scope)} .js-plotly-plot`);
}

// Plotly stacks several SVG layers; one SVG with all of them is the picture.
function picture(data) {
  const layers = [...chart(data).querySelectorAll("svg.main-svg")];
  const { width, height } = layers[0].getBoundingClientRect();
  const out = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) out.setAttribute(name, value);
  const title = document.createElementNS(SVG, "title");
  title.textContent = data.alt;
  out.append(title, ground(width, height));
  for (const layer of layers) {
    const copy = layer.cloneNode(true);
    copy.querySelectorAll(LIVE_LAYERS).forEach((part) => part.remove());
    copy.removeAttribute("style");
    out.append(copy);
  }
  return new XMLSerializer().serializeToString(out);
}

function ground(width, height) {
  const rect = document.createElementNS(SVG, "rect");
  const app = document.querySelector('[data-testid="stApp"]');
  for (const [name, value] of Object.entries({ width, height, fill: getComputedStyle(app).backgroundColor })) rect.setAttribute(name, value);
  return rect;
}

async function savePng(data) {
  const url = URL.createObjectURL(new Blob([picture(data)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = element("canvas", { width: image.naturalWidth * SCALE, height: image.naturalHeight * SCALE });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(blob, `${data.stem}.png`), "image/png");
  } finally {
    URL.revokeObjectURL(url);
  }
}

function save(blob, name) {
  const href = URL.createObjectURL(blob);
  element("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
