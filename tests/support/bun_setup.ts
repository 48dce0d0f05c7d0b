// Preloaded by `bun test` (bunfig.toml): tests with real servers and processes take longer than Bun's five seconds.
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(30_000);
