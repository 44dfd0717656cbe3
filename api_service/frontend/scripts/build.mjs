// Builds the page into the folder given as the only argument (default: dist).
// Asset names carry a hash of their content, so that they may be cached for ever.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { build } from "esbuild";

const out = process.argv[2] ?? "dist";
const assetsUrl = "/marketplace/assets";

async function bundle(options) {
  const result = await build({
    bundle: true,
    minify: true,
    write: false,
    outdir: "unused",
    target: "es2020",
    define: { "process.env.NODE_ENV": '"production"' },
    legalComments: "none",
    logLevel: "warning",
    ...options,
  });
  return result.outputFiles;
}

async function loadTexts() {
  const [file] = await bundle({
    entryPoints: ["src/texts.ru.ts"],
    format: "esm",
    charset: "utf8",
  });
  const module = await import(
    `data:text/javascript;base64,${Buffer.from(file.contents).toString("base64")}`
  );
  return module.texts;
}

async function writeAsset(name, contents) {
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 10);
  const extension = extname(name);
  const hashed = `${basename(name, extension)}.${hash}${extension}`;
  await writeFile(join(out, "assets", hashed), contents);
  return `${assetsUrl}/${hashed}`;
}

function escapeHtml(text) {
  return text.replace(
    /[&<>"]/g,
    (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c],
  );
}

function fill(html, values) {
  return html.replace(/\{\{([\w.]+)\}\}/g, (_, path) => {
    const value = path.split(".").reduce((node, key) => node?.[key], values);
    if (typeof value !== "string") throw new Error(`no text for {{${path}}}`);
    return escapeHtml(value);
  });
}

await mkdir(join(out, "assets"), { recursive: true });
const [script] = await bundle({
  entryPoints: ["src/onboarding.tsx"],
  format: "iife",
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
});
const [style] = await bundle({
  entryPoints: ["src/styles/onboarding.css"],
  target: ["chrome87", "firefox84", "safari14"],
  charset: "utf8",
});
const values = {
  texts: await loadTexts(),
  assets: {
    script: await writeAsset("onboarding.js", script.contents),
    style: await writeAsset("onboarding.css", style.contents),
    icon: await writeAsset("icon.svg", await readFile("src/icon.svg")),
  },
};
for (const page of ["onboarding.html", "message.html"]) {
  await writeFile(join(out, page), fill(await readFile(`src/${page}`, "utf8"), values));
}
const client = await readFile("node_modules/socket.io-client/dist/socket.io.min.js", "utf8");
// The map is not served: a reference to it would be a 404 in every developer console.
await writeFile(join(out, "socket.io.js"), client.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"));
