/**
 * `portcache status [--watch]`: how the store does, once or until the user has seen enough.
 */
import type { LoadedConfig } from "../config/load.ts";
import { systemClock } from "../lib/clock.ts";
import { InterruptedError, untilInterrupted } from "./interrupt.ts";
import type { Output } from "./output.ts";
import { ServerUnreachableError } from "./server-client.ts";
import { renderStatus } from "./status-report.ts";
import { readStatus, type StatusReport } from "./status-state.ts";

export interface StatusOptions {
  readonly watch: boolean;
  readonly json: boolean;
  readonly unicode: boolean;
}

const EVERY_MS = 1000;
const EXIT_FAILED = 1;
const EXIT_SIGINT = 130;

/**
 * The terminal's other screen, without a cursor, where long lines are cut; what was there before comes back at the end
 * (xterm's ctlseqs, DECSET 1049, 25 and 7).
 */
const OTHER_SCREEN = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const FIRST_SCREEN = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

function exitCode({ health }: StatusReport): number {
  return health?.state === "unavailable" ? EXIT_FAILED : 0;
}

/** No more lines than the terminal has, each cleared to its end, so that nothing flickers. */
function frame(text: string, rows: number): string {
  const lines = text.split("\n").slice(0, Math.max(1, rows - 1));
  return HOME + lines.map((line) => line + CLEAR_LINE).join("\r\n") + CLEAR_BELOW;
}

/** Where the server comes and goes that is to be seen, and no reason to stop. */
async function orTrouble(look: () => Promise<string>): Promise<string> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof ServerUnreachableError) return error.message;
    throw error;
  }
}

async function watch(look: () => Promise<string>, output: Output, signal: AbortSignal): Promise<void> {
  const { stdout } = process;
  if (!stdout.isTTY) {
    for (;;) {
      output.out(await look());
      await systemClock.sleep(EVERY_MS, signal);
    }
  }
  let last = "";
  stdout.write(OTHER_SCREEN);
  try {
    for (;;) {
      last = await orTrouble(look);
      stdout.write(frame(last, stdout.rows ?? 24));
      await systemClock.sleep(EVERY_MS, signal);
    }
  } finally {
    stdout.write(FIRST_SCREEN);
    if (last !== "") output.out(last);
  }
}

/** @returns the exit code */
export async function status(loaded: LoadedConfig, options: StatusOptions, output: Output): Promise<number> {
  const signal = untilInterrupted();
  let exit = 0;

  async function look(): Promise<string> {
    const report = await readStatus(loaded, signal);
    exit = exitCode(report);
    // One line each where many follow.
    if (options.json) return JSON.stringify(report, null, options.watch ? 0 : 2);
    const width = process.stdout.columns ?? 120;
    return renderStatus(report, { paint: output.paint, width, unicode: options.unicode });
  }

  try {
    if (options.watch) await watch(look, output, signal);
    else output.out(await look());
    return exit;
  } catch (error) {
    if (error instanceof InterruptedError) return EXIT_SIGINT;
    if (!(error instanceof ServerUnreachableError)) throw error;
    output.err(`portcache: ${error.message}`);
    return EXIT_FAILED;
  }
}
