/**
 * Shows the lines that a client machine needs, each with a button that copies it.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { type ClientStep, clientSteps } from "../api/client-steps.ts";

/** The Clipboard API is for https and localhost alone; elsewhere what is marked can be copied. */
async function copy(lines: HTMLElement): Promise<boolean> {
  getSelection()?.selectAllChildren(lines);
  // Not on pages of plain http, whatever the types say.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (!clipboard) return document.execCommand("copy");
  return await clipboard.writeText(lines.textContent ?? "").then(
    () => true,
    () => false,
  );
}

const SAID_MS = 4000;

function Lines({ title, lines }: Pick<ClientStep, "title" | "lines">) {
  const block = useRef<HTMLPreElement>(null);
  const [said, setSaid] = useState<string | undefined>(undefined);
  useEffect(() => {
    const timer = setTimeout(setSaid, SAID_MS, undefined);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <div class="lines">
      <pre ref={block}>{lines}</pre>
      <button
        type="button"
        aria-label={said ?? `Copy the lines: ${title}`}
        onClick={async () => {
          if (block.current) setSaid((await copy(block.current)) ? "Copied" : "Marked: copy with Ctrl+C");
        }}
      >
        {said ?? "Copy"}
      </button>
    </div>
  );
}

function Step({ title, file, lines, note }: ClientStep) {
  return (
    <div class="step">
      <h3>
        {title}
        {file === undefined ? null : (
          <>
            : <code>{file}</code>
          </>
        )}
      </h3>
      <Lines title={title} lines={lines} />
      <p class="small">{note}</p>
    </div>
  );
}

/** With the address by which this page was opened. @param ids those to show; all where left out */
export function ClientSteps({ ids }: { readonly ids?: readonly string[] }) {
  const steps = clientSteps(location.origin);
  return (
    <>
      {steps
        .filter(({ id }) => ids === undefined || ids.includes(id))
        .map((step) => (
          <Step key={step.id} {...step} />
        ))}
    </>
  );
}
