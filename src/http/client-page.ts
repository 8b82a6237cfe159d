/** Serves /client: the lines that a client machine needs, with this server's address in them. */
import { type ClientStep, clientSteps, EXAMPLE_ORIGIN } from "../api/client-steps.ts";
import { trustedOrigin } from "./own-origin.ts";
import { plainPage } from "./plain-page.ts";

const UNKNOWN = `<p class="bad">This page was opened under a name that is not known to be this server's, so put its address in the place of ${EXAMPLE_ORIGIN}. If the name is right, add it to <code>[server] hostnames</code>.</p>`;

function section({ id, title, file, lines, note }: ClientStep): string {
  const escaped = Bun.escapeHTML(title);
  const where = file === undefined ? "In a terminal:" : `In <code>${Bun.escapeHTML(file)}</code>:`;
  return `<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${escaped}</h2>
<p>${where}</p>
<pre data-title="${escaped}">${Bun.escapeHTML(lines)}</pre>
<p class="note">${Bun.escapeHTML(note)}</p>
</section>`;
}

/** @param hostnames names of this server beside its addresses and local names */
export function clientPage(request: Pick<Request, "url" | "headers">, hostnames: readonly string[]): Response {
  const origin = trustedOrigin(request, hostnames);
  const sections = clientSteps(origin ?? EXAMPLE_ORIGIN).map(section);
  const body = `<p>What a Gentoo machine needs to use this cache. Each part works by itself; distfiles come first.</p>
${origin === undefined ? UNKNOWN : ""}
${sections.join("\n")}
<p class="note"><a href="/">Dashboard</a></p>`;
  return plainPage("Setting up a client of portcache", body);
}
