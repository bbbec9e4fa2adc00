/** An OpenCL context on one device. */
import { UserError } from "../../errors.ts";
import { cl, describeStatus, type Handle, type OpenclApi } from "./bindings.ts";
import type { OpenclDeviceInfo } from "./query.ts";

export function openOpenclContext(api: OpenclApi, info: OpenclDeviceInfo): Handle {
  const status = new Int32Array(1);
  const properties = new BigUint64Array([BigInt(cl.CONTEXT_PLATFORM), info.platform, 0n]);
  const context = api.clCreateContext(properties, 1, new BigUint64Array([info.device]), null, null, status);
  expectAvailable(status, info, "context");
  return context;
}

/** Fails with `device-unavailable` where the driver did not make what was asked for. */
export function expectAvailable(status: Int32Array, info: OpenclDeviceInfo, what: string): void {
  if (status[0] === 0) return;
  throw new UserError(
    "device-unavailable",
    `opencl: ${info.name} gave no ${what}: ${describeStatus(status[0] ?? 0)}`,
  );
}
