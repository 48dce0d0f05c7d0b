/**
 * Writes to the log what an operator should not miss, although nobody reads the events. What its finder writes there
 * itself is not written again.
 *
 * @module
 */
import type { EventBus, NodeEvent } from "../../events.ts";
import type { Log } from "../../platform/log.ts";

type Level = "warn" | "error";

const WORDS: Readonly<Partial<Record<NodeEvent["type"], readonly [Level, string]>>> = {
  "node-lost": ["warn", "A node is lost: its actors in memory begin again"],
  "handler-failed": ["error", "A handler failed"],
  "actor-quarantined": ["error", "The state of an actor cannot be read: it is quarantined"],
  "message-quarantined": ["error", "A message or timer that has ended its nodes is set aside"],
  "shards-unreadable": ["error", "Shards are parked that no node here can read"],
  "shards-unplaced": ["error", "Shards have no owner: no node has the labels that their kind requires"],
  "shard-lost": ["warn", "A shard was given to another node without a move: what was here of it is dropped"],
  "upgrade-kept": ["error", "A shard was not upgraded and goes on in its former code"],
  "timer-undeclared": ["warn", "A timer is kept whose message is declared no more"],
  "actor-stopped": ["error", "An actor has failed too often and is stopped for a while"],
  "commit-refused": ["warn", "What is stored of an actor was changed by another"],
  "load-failed": ["error", "What is stored of an actor was not read"],
  "subscription-waits": ["error", "The stream of a subscription cannot be read"],
  "subscription-delayed": ["warn", "A message of a stream has waited for its actor for long"],
  "message-buried": ["error", "A message of a stream was set aside"],
  "dead-letter": ["warn", "A message that was admitted will not be handled"],
  "tell-refused": ["warn", "A tell was refused, and nobody awaits it"],
};

/** @returns a function that stops it */
export function logEvents(events: EventBus, log: Log, node: string): () => void {
  return events.listen(({ type, at: _, ...fields }) => {
    const [level, words] = WORDS[type] ?? [];
    if (level && words) log[level](words, { node, ...fields });
  });
}
