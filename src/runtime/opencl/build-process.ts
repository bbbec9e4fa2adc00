/** The other end of `build-processes.ts`: a process that builds one kernel a message, for the same driver, until its parent goes. */
import { loadOpencl } from "./bindings.ts";
import { openOpenclContext } from "./context.ts";
import type { BuildAnswer, BuildRequest } from "./build-processes.ts";
import { compileToBinary } from "./program.ts";
import { listOpenclDevices } from "./query.ts";

process.on("disconnect", () => process.exit());
process.on("message", (message) => {
  void answer(message as BuildRequest).then((binary) => process.send!({ binary } satisfies BuildAnswer));
});

async function answer({ driver, kernel }: BuildRequest): Promise<Uint8Array | undefined> {
  try {
    const loaded = await loadOpencl();
    if ("missing" in loaded) return undefined;
    const info = listOpenclDevices(loaded.api).find((device) => device.driver === driver);
    if (info === undefined) return undefined;
    context ??= openOpenclContext(loaded.api, info);
    return await compileToBinary({ api: loaded.api, context, info }, kernel);
  } catch {
    return undefined; // The parent builds it itself, and says what is wrong with it.
  }
}

let context: ReturnType<typeof openOpenclContext> | undefined;
