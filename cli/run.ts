/**
 * Which command is meant, and what a command says of itself.
 *
 * @module
 */
import type { Terminal } from "../platform/process/terminal.ts";
import { dev, DEV_HELP } from "./dev/command.ts";
import { UsageError } from "./usage.ts";

const HELP = `Usage: baton COMMAND

Commands:
  dev FILE   runs a program, and replaces it when its files change, without losing what its actors have in memory

"baton COMMAND --help" says more of one.
Status: 0 when all went well, 1 when it did not, 2 when it was called in a way that it does not know.`;

/** Status of a command that was not understood. */
const MISUSED = 2;

/** Runs the command that the terminal was given. @returns its status */
export async function run(terminal: Terminal): Promise<number> {
  const [command = "--help", ...args] = terminal.args;
  try {
    if (command === "dev") return await dev(args, terminal);
    if (command === "--help" || command === "-h" || command === "help") {
      const isOf = args[0] === "dev" ? DEV_HELP : HELP;
      terminal.print(isOf);
      return 0;
    }
    throw new UsageError(`"${command}" is no command`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.tell(`baton: ${error.message}. "baton --help" lists what there is`);
    return MISUSED;
  }
}
