/** Makes pages that work without the dashboard and without scripts: one HTML text with its style, and a script that adds comfort. */
import { createHash } from "node:crypto";
import script from "./copy-buttons.js" with { type: "text" };
import style from "./plain-page.css" with { type: "text" };

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  // The page names the address by which it was asked for.
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "content-security-policy": `default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
};

/** @param title as text @param body as HTML, with all text in it escaped */
export function plainPage(title: string, body: string): Response {
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${Bun.escapeHTML(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${Bun.escapeHTML(title)}</h1>
${body}
</main>
<script>${script}</script>
</body>
</html>
`;
  return new Response(page, { headers: HEADERS });
}
