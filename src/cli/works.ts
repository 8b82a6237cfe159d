/**
 * Which work each command is.
 */
import { cleanWork } from "./clean-command.ts";
import { fetchWork } from "./fetch-command.ts";
import { importWork } from "./import-command.ts";
import { indexWork } from "./index-command.ts";
import { runWork, type WorkContext } from "./run-action.ts";
import { readStandardInput } from "./standard-input.ts";
import { verifyWork } from "./verify-command.ts";

/** @returns the exit code */
export async function work(context: WorkContext): Promise<number> {
  const { command, operands, options } = context.invocation;
  const [first = ""] = operands;
  switch (command) {
    case "clean":
      return await runWork(cleanWork(options), context);
    case "verify":
      return await runWork(verifyWork(options), context);
    case "fetch":
      return await runWork(await fetchWork(operands, options, readStandardInput), context);
    case "index":
      return await runWork(indexWork(options), context);
    case "import":
      return await runWork(importWork(first), context);
    default:
      throw new Error(`Cannot run ${command}: it is no work`);
  }
}
