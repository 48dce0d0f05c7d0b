// Runs one of the project's programs on Bun, after setting up what it needs.
import process from "node:process";
import { exitWith, launcherArguments, runToEnd, say, setUp } from "./setup.mjs";

/**
 * @param {string} program its file, from the project's folder
 * @param {{ natsServer?: boolean, onNoServer?: (args: string[], reason: string) => string[] | undefined }} options
 * `natsServer`: whether to look for one; `onNoServer`: the arguments to go on with, undefined to give up
 */
export async function launch(program, { natsServer = true, onNoServer = giveUp } = {}) {
  let args = launcherArguments();
  const wantsServer = natsServer && !args.includes("--help"); // to read about a program costs no download of a server
  const ready = await setUp({ natsServer: wantsServer }).catch((error) => {
    say(error.message);
    process.exit(1);
  });
  if (wantsServer && ready.natsServer === undefined) {
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
