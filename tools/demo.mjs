// npm run demo -- [--input PATH|-] [--nodes N] [--transport memory|nats] [--json]
import { launch } from "./launch.mjs";
import { say } from "./setup.mjs";

await launch("examples/git_activity/main.ts", { onNoServer: onMemory });

/** Without a server the demo still shows a handoff, inside one process. Who asked for NATS gets an error instead. */
function onMemory(args, reason) {
  say(reason);
  const named = args.findIndex((arg) => arg === "--transport" || arg.startsWith("--transport="));
  if (named < 0) {
    say("demo: going on with the memory transport, in one process");
    return [...args, "--transport", "memory"];
  }
  const transport = args[named].split("=")[1] ?? args[named + 1];
  return transport === "memory" ? args : undefined;
}
