/**
 * Draws the small components that panels are built from.
 */

import { type ComponentChildren, Fragment } from "preact";
import { useErrorBoundary } from "preact/hooks";
import { formatName } from "./format.ts";
import type { Tone } from "./labels.ts";
import { fileHash, pageHash } from "./route.ts";

const ICONS: Readonly<Record<Tone, string>> = { good: "●", warn: "▲", bad: "✕", idle: "○" };

/** Shows a tone by colour and by shape, for people who cannot tell the colours apart. */
export function StatusIcon({ tone }: { readonly tone: Tone }) {
  return (
    <span class={`icon ${tone}`} aria-hidden="true">
      {ICONS[tone]}
    </span>
  );
}

/** Replaces content that fails to render (on data of another server version, for example) by the error. */
export function ErrorBoundary({ children }: { readonly children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary();
  if (error === undefined || error === null) return <>{children}</>;
  return (
    <p class="error">
      Cannot show this: {error instanceof Error ? error.message : String(error)}.{" "}
      <button type="button" onClick={reset}>
        Try again
      </button>
    </p>
  );
}

interface PanelProps {
  readonly id: string;
  readonly title: string;
  /** Content to the right of the title. */
  readonly aside?: ComponentChildren;
  /** Whether it comes first on narrow screens, where only one panel is seen at a time. */
  readonly urgent?: boolean;
  readonly children: ComponentChildren;
}

export function Panel({ id, title, aside, urgent = false, children }: PanelProps) {
  return (
    <section class={urgent ? "panel urgent" : "panel"} id={id} aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`} tabIndex={-1}>
          {title}
        </h2>
        {aside === undefined ? null : <div class="aside">{aside}</div>}
      </header>
      <ErrorBoundary>{children}</ErrorBoundary>
    </section>
  );
}

/** Text in place of missing data. */
export function Placeholder({ children }: { readonly children: ComponentChildren }) {
  return <p class="placeholder">{children}</p>;
}

export function ErrorMessage({ text }: { readonly text: string | undefined }) {
  return text === undefined ? null : <p class="error">{text}</p>;
}

/** Text that breaks between the parts of a URL or a host name, and within one only where it is longer than a line. */
export function Breakable({ text }: { readonly text: string }) {
  const parts = text.split(/(?<=[/.:,]+)(?=[^/.:,\s])/);
  return (
    <span class="breakable">
      {parts.map((part, i) => (
        <Fragment key={i}>
          {i === 0 ? null : <wbr />}
          {part}
        </Fragment>
      ))}
    </span>
  );
}

/** Links a file's name to its details. */
export function FileLink({ name }: { readonly name: string }) {
  return (
    <a class="file" href={fileHash(name)}>
      {formatName(name)}
    </a>
  );
}

/** Links a client to its page. */
export function ClientLink({ address, name }: { readonly address: string; readonly name: string | null }) {
  return (
    <a class="file" href={pageHash("client", address)} {...(name === null ? {} : { title: address })}>
      {formatName(name ?? address)}
    </a>
  );
}

/** Links `category/name` to the page of the package. */
export function PackageLink({ name }: { readonly name: string }) {
  return (
    <a class="file" href={pageHash("package", name)}>
      {formatName(name)}
    </a>
  );
}

interface ButtonGroupProps<T extends string> {
  readonly label: string;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly value: T;
  readonly onSelect: (value: T) => void;
}

/** Buttons of which one is selected. */
export function ButtonGroup<T extends string>({ label, options, value, onSelect }: ButtonGroupProps<T>) {
  return (
    <fieldset class="button-group">
      <legend class="visually-hidden">{label}</legend>
      {options.map(([option, text]) => (
        <button key={option} type="button" aria-pressed={option === value} onClick={() => onSelect(option)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}
