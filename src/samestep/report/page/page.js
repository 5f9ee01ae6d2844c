"use strict";

const specifications = JSON.parse(document.getElementById("specifications").textContent);
const views = {};

/* Colours come from the style sheet, so that a chart is as light or dark as the page. */
function chartColours() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const [ink, faint, line] = [colour("--ink"), colour("--faint"), colour("--line")];
  const text = { labelColor: ink, titleColor: ink };
  return {
    background: colour("--paper"),
    view: { stroke: line },
    axis: { ...text, gridColor: line, domainColor: faint, tickColor: faint },
    legend: text,
    rule: { color: faint },
    text: { color: ink },
  };
}

function hiddenFrameworks() {
  const boxes = document.querySelectorAll("#filter input[type=checkbox]");
  return [...boxes].filter((box) => !box.checked).map((box) => box.value);
}

async function draw() {
  for (const figure of document.querySelectorAll("[data-picture]")) {
    const name = figure.dataset.picture;
    const previous = views[name];
    const { view } = await vegaEmbed(figure.querySelector(".chart"), specifications[name], {
      actions: false,
      renderer: "svg",
      config: chartColours(),
    });
    if (previous) previous.finalize();
    /* The figure has a name, and the tables hold its numbers. */
    figure.querySelector(".chart svg").setAttribute("aria-hidden", "true");
    views[name] = view;
    view.signal("hidden", hiddenFrameworks());
  }
  await fit();
  document.documentElement.dataset.drawn = "yes";
}

/* A chart's height follows from its legend's columns, and they from its width: it is laid out again. */
async function fit() {
  for (const view of Object.values(views)) await view.resize().runAsync();
}

async function filter() {
  const hidden = new Set(hiddenFrameworks());
  for (const part of document.querySelectorAll("[data-framework]")) {
    part.hidden = hidden.has(part.dataset.framework);
  }
  const everyone = document.querySelectorAll("#filter input[type=checkbox]").length;
  for (const pictures of document.querySelectorAll(".pictures")) {
    pictures.hidden = hidden.size === everyone;
  }
  /* Scales of nothing have no ends. */
  if (hidden.size === everyone) return;
  for (const view of Object.values(views)) {
    await view.signal("hidden", [...hidden]).runAsync();
  }
}

function save(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const button = document.getElementById("theme");
  button.setAttribute("aria-pressed", String(theme === "dark"));
}

async function copy(button) {
  const text = button.closest(".piece").querySelector("code").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    /* A page from a file has no clipboard in some browsers. */
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

async function download(button) {
  const packed = atob(document.getElementById("raw-data").textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  save(URL.createObjectURL(await new Response(stream).blob()), button.dataset.name);
}

document.getElementById("filter").addEventListener("change", filter);
for (const [id, checked] of [["filter-all", true], ["filter-none", false]]) {
  document.getElementById(id).addEventListener("click", () => {
    for (const box of document.querySelectorAll("#filter input")) box.checked = checked;
    filter();
  });
}
document.getElementById("theme").addEventListener("click", () => {
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  draw();
});
let turned;
addEventListener("resize", () => {
  /* The charts take their new widths first. */
  clearTimeout(turned);
  turned = setTimeout(fit, 200);
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("copy" in button.dataset) await copy(button);
  if (button.dataset.save) {
    const name = button.closest("[data-picture]").dataset.picture;
    const kind = button.dataset.save;
    save(await views[name].toImageURL(kind, kind === "png" ? 2 : 1), `${name}.${kind}`);
  }
  if (button.id === "download") await download(button);
});

setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
draw();
