/**
 * Which process this is, such that another one on the same machine can prove that it has ended.
 *
 * A number of a process is worth little: it is used again, and other machines and containers have the same. So the identity
 * names the boot of the machine, the namespace that the number is counted in, when the process was started, and which image
 * it runs: a process that restarts in place (`exec`) keeps its number and its time, and nothing of what ran in it.
 *
 * Only Linux tells all that; elsewhere, and on Deno without `-A`, nothing is known.
 *
 * @module
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { readIfAllowed, readLinkIfAllowed } from "../file/files.ts";

/** See the module's text. */
export interface ProcessIdentity {
  /** Random, of this boot of the machine. */
  readonly boot: string;
  /** The namespaces in which `pid` and `startedAt` are counted. */
  readonly space: string;
  readonly pid: number;
  /** Ticks of the machine's clock from its boot until the process was started. */
  readonly startedAt: string;
  /** A digest of where the system has put this image, at random. */
  readonly image: string;
}

/** What the system says of a process. */
export interface ProcessStatus {
  readonly startedAt: string;
  /** It has ended, with all of its threads, and nobody has asked for its status yet. */
  readonly isZombie: boolean;
}

/** What is asked of the system. */
export interface System {
  /** This process; `undefined` where the system does not tell. */
  own(): ProcessIdentity | undefined;
  /** Whether there is no process of this number: certain only if true. */
  isAbsent(pid: number): boolean;
  /** `undefined` if it is not there, or may not be seen. */
  status(pid: number): ProcessStatus | undefined;
}

/**
 * Whether that process has certainly ended, and all that ran in it. False says nothing: it may run, be stopped, be out of
 * sight, or be on another machine.
 */
export function hasEnded(other: ProcessIdentity | undefined, system: System): boolean {
  const own = system.own();
  if (own === undefined || other === undefined) return false;
  if (other.boot !== own.boot || other.space !== own.space) return false;
  if (other.pid === own.pid) return other.startedAt !== own.startedAt || other.image !== own.image;
  if (system.isAbsent(other.pid)) return true;
  const status = system.status(other.pid);
  return status !== undefined && (status.isZombie || status.startedAt !== other.startedAt);
}

/** The system that this process runs on. */
export function linuxSystem(): System {
  return { own: ownIdentity, isAbsent, status: (pid) => statusOf(readIfAllowed(`/proc/${pid}/stat`)) };
}

function ownIdentity(): ProcessIdentity | undefined {
  if (process.platform !== "linux") return undefined;
  const { pid } = process;
  // `/proc` may be that of another namespace: then its numbers are not ours.
  if (readLinkIfAllowed("/proc/self") !== String(pid)) return undefined;
  const boot = readIfAllowed("/proc/sys/kernel/random/boot_id")?.trim();
  const numbers = readLinkIfAllowed("/proc/self/ns/pid");
  const status = statusOf(readIfAllowed("/proc/self/stat"));
  const places = readIfAllowed("/proc/self/auxv");
  if (!boot || !numbers || !status || !places) return undefined;
  const space = `${numbers} ${readLinkIfAllowed("/proc/self/ns/time") ?? ""}`; // older kernels have no namespaces of time
  const image = createHash("sha256").update(places, "latin1").digest("hex").slice(0, 32);
  return { boot, space, pid, startedAt: status.startedAt, image };
}

function isAbsent(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === "ESRCH";
  }
}

/** Fields by their number in proc(5); the name, which comes second, may hold anything. */
const STATE = 3;
const THREADS = 20;
const STARTED_AT = 22;

/** What a line of `/proc/<pid>/stat` says; `undefined` for what is none. */
export function statusOf(line: string | undefined): ProcessStatus | undefined {
  const fields = line?.slice(line.lastIndexOf(")") + 2).split(" ");
  const [state, threads, startedAt] = [STATE, THREADS, STARTED_AT].map((number) => fields?.[number - 3]);
  if (!state || !startedAt || !/^\d+$/.test(startedAt)) return undefined;
  // The first thread of a process may have ended while others run.
  return { startedAt, isZombie: state === "X" || (state === "Z" && Number(threads) <= 1) };
}
