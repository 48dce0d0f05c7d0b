import * as fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "bun:test";

/** What a reader asks who has never seen Baton; the page and heading that answer; words that the answer must have. */
const QUESTIONS: readonly (readonly [
  question: string,
  page: string,
  anchor: string,
  words: readonly string[],
])[] = [
  [
    "What is lost when a node is killed?",
    "docs/semantics.md",
    "11-crashes-and-pauses",
    ["a node is killed", "memory, mail and timers"],
  ],
  ["What does a planned move cost my callers?", "docs/semantics.md", "8-moves", ["at most a pause"]],
  ["How do I test time?", "docs/guide/testing.md", "time", ["SimulatedCluster", "advance("]],
  ["How do I test a crash?", "docs/guide/testing.md", "crashes-and-moves", ["crash(name)"]],
  ["Which nats-server versions work?", "docs/operations.md", "1-nats-servers", ["2.9.10", "2.12"]],
  ["How do I delete an actor?", "docs/guide/stored_actors.md", "deleting", ["this.destroy()"]],
  [
    "How do I expose an actor over HTTP with authentication?",
    "docs/guide/http.md",
    "authentication",
    ["authorize", "403", "public"],
  ],
  [
    "How do I call an actor from Python or Go?",
    "docs/guide/door.md",
    "asking",
    ["nats request", "Nats-Service-Error-Code"],
  ],
  [
    "How do I read a JetStream stream?",
    "docs/guide/topics.md",
    "streams-that-become-tells",
    ["subscriptions", "name:"],
  ],
  ["How does a client outside hear of things?", "docs/guide/topics.md", "following", ["nats sub", "feed"]],
  [
    "How do I keep state through a crash?",
    "docs/guide/stored_actors.md",
    "what-is-stored-when",
    ["before its answer"],
  ],
  [
    "How do I give an actor a database?",
    "docs/guide/contracts.md",
    "what-an-actor-depends-on",
    ["env", "host("],
  ],
  ["May I repeat a call that failed?", "docs/errors.md", "of-a-call", ["outcome-unknown", "Repeat"]],
  ["How do I retry, and not do it twice?", "docs/guide/recipes.md", "retries", ["retry(", "retryable"]],
  ["How do I ask a thousand actors?", "docs/guide/recipes.md", "fan-out", ["askAll", "concurrency"]],
  ["How do I change the form of a state?", "docs/guide/versions.md", "state", ["stateVersion", "upgrade("]],
  [
    "How do I deploy on Kubernetes?",
    "docs/operations.md",
    "3-kubernetes",
    ["terminationGracePeriodSeconds", "/readyz"],
  ],
  [
    "How do I stop an HTTP server without a failed request?",
    "docs/guide/recipes.md",
    "stop-an-http-server-without-a-failed-request",
    ["beforeLeave", "server.shutdown()"],
  ],
  [
    "How do I schedule work, and cancel it?",
    "docs/guide/timers.md",
    "",
    ["afterMs", "everyMs", "unschedule"],
  ],
  [
    "What should wake me at night?",
    "docs/operations.md",
    "6-what-to-watch",
    ["node-lost", "actor-quarantined"],
  ],
  [
    "Which permissions does a node need at NATS?",
    "docs/security.md",
    "2-what-a-node-needs",
    ["subscribe", "$JS.API"],
  ],
  ["Which permissions does Deno need?", "docs/deno_permissions.md", "", ["--allow-net"]],
  [
    "How many actors fit on a node, and where do I set it?",
    "docs/settings.md",
    "actors",
    ["activationsMax", "1,000,000"],
  ],
  ["Is there one of an actor in the whole cluster?", "docs/guide/recipes.md", "a-singleton", ["only one"]],
  [
    "How do I come back at once when a process dies?",
    "docs/guide/supervisor.md",
    "",
    ["superviseNode", "restart"],
  ],
  ["What does Baton not do?", "docs/semantics.md", "13-not-promised", ["Exactly-once"]],
];

const ROOT = new URL("../../", import.meta.url);

function read(page: string): string {
  return fs.readFileSync(new URL(page, ROOT), "utf8");
}

/** Where the links of a page lead, as `page` and `page#anchor`; a link within the page leads to itself. */
function linksOf(page: string): Set<string> {
  const found = new Set<string>();
  for (const [, target = ""] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file = "", anchor] = target.split("#");
    const place = file === "" ? page : path.posix.join(path.posix.dirname(page), file);
    found.add(place).add(anchor === undefined ? place : `${place}#${anchor}`);
  }
  return found;
}

/** As GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
}

/** The text under a heading, down to the next one of its rank or above; the whole page without one. */
function sectionOf(page: string, anchor: string): string | undefined {
  if (anchor === "") return read(page);
  const lines = read(page).split("\n");
  const rank = (line: string) => /^(#+) /.exec(line)?.[1]?.length;
  const start = lines.findIndex((line) => rank(line) && anchorOf(line.replace(/^#+ /, "")) === anchor);
  if (start < 0) return undefined;
  const own = rank(lines[start] ?? "") ?? 1;
  const end = lines.findIndex((line, at) => at > start && (rank(line) ?? 9) <= own);
  return lines.slice(start, end < 0 ? undefined : end).join("\n");
}

/** Clicks from README.md to a place; more than two count as none. */
function clicksTo(page: string, anchor: string): number | undefined {
  const place = anchor === "" ? page : `${page}#${anchor}`;
  const first = linksOf("README.md");
  if (first.has(place)) return 1;
  const pages = [...first].filter((each) => each.endsWith(".md"));
  return pages.some((each) => linksOf(each).has(place)) ? 2 : undefined;
}

describe("a reader who has never seen Baton", () => {
  test("finds at least twenty answers", () => {
    expect(new Set(QUESTIONS.map(([question]) => question)).size).toBeGreaterThanOrEqual(20);
  });

  for (const [question, page, anchor, words] of QUESTIONS)
    test(`finds in two clicks: ${question}`, () => {
      expect(clicksTo(page, anchor)).toBeDefined();
      const section = sectionOf(page, anchor);
      expect(section).toBeDefined();
      for (const word of words) expect(section).toContain(word);
    });
});
