/**
 * Small pieces that panels are made of.
 */
import type { ComponentChildren } from "preact";
import { useErrorBoundary } from "preact/hooks";
import type { Tone } from "./words.ts";

const SIGNS: Readonly<Record<Tone, string>> = { good: "●", warn: "▲", bad: "✕", idle: "○" };

/** A coloured sign; its shape says the same to those who do not tell colours apart. */
export function Sign({ tone }: { readonly tone: Tone }) {
  return (
    <span class={`sign ${tone}`} aria-hidden="true">
      {SIGNS[tone]}
    </span>
  );
}

/** Shows what it holds; where that can't be shown (a server of another version, say), that and why. */
export function Guarded({ children }: { readonly children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary();
  if (error === undefined || error === null) return <>{children}</>;
  return (
    <p class="refusal">
      This can't be shown: {error instanceof Error ? error.message : String(error)}.{" "}
      <button type="button" onClick={reset}>
        Try again
      </button>
    </p>
  );
}

interface PanelProps {
  readonly id: string;
  readonly title: string;
  /** What stands at the right of the title. */
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Panel({ id, title, aside, children }: PanelProps) {
  return (
    <section class="panel" id={id} aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        {aside === undefined ? null : <div class="aside">{aside}</div>}
      </header>
      <Guarded>{children}</Guarded>
    </section>
  );
}

/** What stands where there is nothing to show. */
export function Nothing({ children }: { readonly children: ComponentChildren }) {
  return <p class="nothing">{children}</p>;
}

/** A distfile's name, which leads to its story. */
export function FileLink({ name }: { readonly name: string }) {
  return (
    <a class="file" href={`#/file/${encodeURIComponent(name)}`}>
      {name}
    </a>
  );
}

/** Whatever came instead of an answer. */
export function Refusal({ text }: { readonly text: string | undefined }) {
  return text === undefined ? null : <p class="refusal">{text}</p>;
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly value: T;
  readonly onChoose: (value: T) => void;
}

/** One of a few, as buttons side by side. */
export function Choice<T extends string>({ label, options, value, onChoose }: ChoiceProps<T>) {
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {options.map(([one, text]) => (
        <button key={one} type="button" aria-pressed={one === value} onClick={() => onChoose(one)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}
