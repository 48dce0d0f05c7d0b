// Ends a child process when this process is gone, however it went.
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";

const GUARD = `while kill -0 "$1" 2>/dev/null; do kill -0 "$2" 2>/dev/null || ended=yes; sleep 1; done
[ -n "$ended" ] || kill -9 "$2" 2>/dev/null; [ -z "$3" ] || rm -rf "$3"`;

/**
 * Watches over the process `pid` until it is killed itself, and removes the directory at its end if one is given.
 *
 * It looks for our process id every second: a pipe that closes at our end would say so at once, but Deno also closes
 * it when it collects the stream. A frozen child, which reads no pipe, is ended too.
 */
export function guard(pid: number, directory = ""): ChildProcess {
  const args = ["-c", GUARD, "sh", String(process.pid), String(pid), directory];
  const child = spawn("/bin/sh", args, { stdio: "ignore", detached: true });
  child.unref();
  return child;
}
