// One line on standard error while the demo runs: rewritten on a terminal, else a new one every two seconds.
import process from "node:process";
import type { MoveJournal } from "./cluster/moves.ts";
import type { RollOut } from "./cluster/rollout.ts";
import type { Progress } from "./stream.ts";

/** What the line shows. */
export interface Shown {
  readonly progress: Progress;
  readonly rollOut: RollOut;
  readonly journal: MoveJournal;
  readonly beganAt: number;
  readonly historyLength: number;
}

const TERMINAL_EVERY_MS = 100;
const FILE_EVERY_MS = 2_000;

/** Starts to show; `end` shows the last state and stops. */
export function progressLine(look: () => Shown): { end(): void } {
  const terminal = process.stderr.isTTY === true;
  const show = () => process.stderr.write(terminal ? `\r\x1b[K${lineOf(look())}` : `${lineOf(look())}\n`);
  show();
  const timer = setInterval(show, terminal ? TERMINAL_EVERY_MS : FILE_EVERY_MS);
  return {
    end() {
      clearInterval(timer);
      show();
      if (terminal) process.stderr.write("\n");
    },
  };
}

function lineOf({ progress, rollOut, journal, beganAt, historyLength }: Shown): string {
  const seconds = ((performance.now() - beganAt) / 1_000).toFixed(1).padStart(5);
  const round = Math.floor(progress.changes / historyLength) + 1;
  const failed = [...progress.failures.values()].reduce((sum, count) => sum + count, 0);
  const parts = [
    `${progress.changes} changes (round ${round})`,
    `nodes ${rollOut.up.join(" ") || "none"}`,
    `${journal.moves.length} moves`,
    ...(journal.upgrades.length > 0 ? [`${journal.upgrades.length} upgrades`] : []),
    `${failed} failed`,
    rollOut.doing,
  ];
  return `${seconds} s  ${parts.join("  ·  ")}`;
}
