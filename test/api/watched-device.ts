/** A device that does what another does and keeps account of it: memory, kernels compiled, submissions. */
import { UserError } from "../../src/errors.ts";
import type { Device, DeviceBuffer } from "../../src/runtime/device.ts";

export interface Account {
  /** Bytes and number of buffers that were allocated and not yet destroyed. */
  bytes: number;
  buffers: number;
  /** The most bytes there were at once. */
  peakBytes: number;
  compiledKernels: number;
  submissions: number;
}

export interface WatchedDevice extends Device {
  readonly account: Account;
}

export interface Faults {
  /** Allocations beyond so many bytes in all fail. */
  readonly memoryBytes?: number;
  /** Called before each submission; may throw. */
  readonly onSubmit?: (submission: number) => void;
}

export function watchDevice(device: Device, faults: Faults = {}): WatchedDevice {
  const account: Account = { bytes: 0, buffers: 0, peakBytes: 0, compiledKernels: 0, submissions: 0 };
  return {
    account,
    kind: device.kind,
    name: device.name,
    driver: device.driver,
    target: device.target,
    get lost() {
      return device.lost;
    },
    allocate(sizeBytes, label) {
      const { memoryBytes = Infinity } = faults;
      if (account.bytes + sizeBytes > memoryBytes)
        throw new UserError(
          "out-of-memory",
          `'${label}' is larger than what is left of ${memoryBytes} bytes`,
        );
      const buffer = device.allocate(sizeBytes, label);
      account.bytes += sizeBytes;
      account.peakBytes = Math.max(account.peakBytes, account.bytes);
      account.buffers++;
      return onceDestroyed(buffer, () => {
        account.bytes -= sizeBytes;
        account.buffers--;
      });
    },
    write: (buffer, data, offset) => device.write(buffer, data, offset),
    read: (buffer, sizeBytes) => device.read(buffer, sizeBytes),
    compile(kernels, onProgress) {
      account.compiledKernels += kernels.length;
      return device.compile(kernels, onProgress);
    },
    record: (commands) => device.record(commands),
    async submit(list, options) {
      faults.onSubmit?.(account.submissions);
      account.submissions++;
      return device.submit(list, options);
    },
    finish: () => device.finish(),
    dispose: () => device.dispose(),
  };
}

/** The same buffer (devices know theirs by identity), which tells when it is first destroyed. */
function onceDestroyed(buffer: DeviceBuffer, tell: () => void): DeviceBuffer {
  const destroy = buffer.destroy.bind(buffer);
  let destroyed = false;
  buffer.destroy = () => {
    if (!destroyed) tell();
    destroyed = true;
    destroy();
  };
  return buffer;
}
