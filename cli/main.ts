#!/usr/bin/env bun
/**
 * The `baton` command: `bunx baton dev main.ts`, or `deno run -A jsr:@baton/actors/cli dev main.ts`.
 *
 * @module
 */
import { exitProcess } from "../platform/runtime.ts";
import { processTerminal } from "../platform/process/terminal.ts";
import { run } from "./run.ts";

exitProcess(await run(processTerminal()));
