// Runs one of the project's programs on Bun, after setting up what it needs.
import process from "node:process";
import { exitWith, launcherArguments, runToEnd, say, setUp } from "./setup.mjs";

/**
 * @param {string} program its file, from the project's folder
 * @param {{ natsServer?: boolean, onNoServer?: (args: string[], reason: string) => string[] | undefined }} options
 * `natsServer`: whether to look for one; `onNoServer`: the arguments to go on with, undefined to give up
 */
export async function launch(program, { natsServer = true, onNoServer = giveUp } = {}) {
  const ready = await setUp({ natsServer }).catch((error) => {
    say(error.message);
    process.exit(1);
  });
  let args = launcherArguments();
  if (natsServer && ready.natsServer === undefined) {
    const others = onNoServer(args, ready.natsServerReason);
    if (others === undefined) return exitWith(1);
    args = others;
  }
  exitWith(await runToEnd(ready.bun, [program, ...args], { env: ready.env }));
}

function giveUp(_args, reason) {
  say(reason);
  return undefined;
}
