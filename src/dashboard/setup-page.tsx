/**
 * Shows how clients are pointed at the server.
 */
import { Panel } from "./components.tsx";

/** The lines that a client needs, with the address by which this page was opened. */
export function ClientLines() {
  return (
    <>
      <p>
        On a client, add this line to <code>/etc/portage/mirrors</code>:
      </p>
      <pre class="sample">local {location.origin}</pre>
      <p class="small">
        or set <code>GENTOO_MIRRORS="{location.origin}"</code> in <code>/etc/portage/make.conf</code>.
      </p>
    </>
  );
}

export function SetupPage() {
  return (
    <Panel id="setup" title="Setting up clients">
      <ClientLines />
      <p class="small">
        <a href="/client.sh">client.sh</a> does this, tests it, and undoes it: a small shell script for clients without
        the <code>portcache</code> command.
      </p>
    </Panel>
  );
}
