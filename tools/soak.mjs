// npm run soak -- --minutes M [--seed N] [--runtimes bun,deno] [--json] [--help]
import { launch } from "./launch.mjs";

await launch("chaos/soak/main.ts");
