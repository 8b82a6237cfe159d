/**
 * Shows how clients are pointed at the server.
 */
import { ClientSteps } from "./client-steps.tsx";
import { Panel } from "./components.tsx";

export function SetupPage() {
  return (
    <Panel id="setup" title="Setting up clients" aside={<a href="/client">As a page of its own</a>}>
      <ClientSteps />
    </Panel>
  );
}
