// npm run fuzz -- --inputs 1000000
import { launch } from "./launch.mjs";

await launch("tools/fuzz.ts", { natsServer: false });
