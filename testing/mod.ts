/**
 * Tools to test actors with: a clock that is moved by hand, a cluster in one process, a history and its checkers.
 *
 * @module
 */
export { ManualClock } from "./manual_clock.ts";
export { NodeClock } from "./node_clock.ts";
export {
  SimulatedCluster,
  type SimulatedNodeOptions,
  SimulationError,
  type SimulationOptions,
} from "./cluster.ts";
export {
  type Activated,
  type Call,
  type Handled,
  History,
  type Outcome,
  type TimerSet,
  type Violation,
} from "./history.ts";
export { calledBy } from "./called_by.ts";
export { CHECKERS, type Checker } from "./checkers.ts";
export { type Random, seededRandom } from "../platform/random.ts";
export { MemoryNetwork, type MemoryNetworkOptions, spreadLatency } from "../transport/memory/network.ts";
