// A process that follows signals and gives that up in the very moment in which one comes, for tests.
//
//   <runtime> signal_program.ts <signal> <whether somebody else listens>
import process from "node:process";
import { systemClock } from "../../../platform/clock.ts";
import { followShutdown } from "../../../platform/process/signals.ts";

const [signal = "SIGTERM", others = "false"] = process.argv.slice(2);
const say = (words: string) => process.stdout.write(`${words}\n`);

process.stdin.once("end", () => process.exit(9)).resume(); // its parent is gone, and until then it stays
const unfollow = followShutdown(systemClock(), {
  leave: (name) => say(`leave ${name}`),
  atOnce: (name) => say(`at once ${name}`),
});
if (others === "true") {
  process.on(signal, () => {
    say(`another heard ${signal}`);
    setImmediate(() => process.kill(process.pid, "SIGUSR2")); // whatever was sent with the first is heard before this
  });
  process.on("SIGUSR2", () => process.exit(5));
}
process.kill(process.pid, signal);
unfollow();
say("stopped");
