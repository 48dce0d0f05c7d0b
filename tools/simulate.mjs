// npm run simulate -- --seeds 1..500
import { launch } from "./launch.mjs";

await launch("tools/simulate.ts", { natsServer: false });
