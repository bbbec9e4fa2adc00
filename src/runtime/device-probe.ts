/** What looking for one kind of device found: for `listDevices` and for messages that say what to install. */
import type { Target } from "../codegen/target.ts";
import type { Device } from "./device.ts";

export interface DeviceProbe {
  readonly devices: readonly { readonly name: string; readonly target: Target }[];
  /** Why there is none, and the remedy; undefined when `devices` is not empty. */
  readonly missing: string | undefined;
  /** Opens what was found, once, without looking again. */
  readonly open?: () => Promise<Device>;
}
