/** How much memory this process took at most since the peak was last forgotten (Linux). */
import { readFileSync, writeFileSync } from "node:fs";

/** Forgets the peak; from now on it is what is resident. @returns whether the system can do that */
export function forgetPeak(): boolean {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
    return true;
  } catch {
    return false;
  }
}

export function residentBytes(): number {
  return statusOf("VmRSS");
}

export function peakBytes(): number {
  return statusOf("VmHWM");
}

function statusOf(name: string): number {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"));
  return 1024 * Number(line?.[1] ?? 0);
}
