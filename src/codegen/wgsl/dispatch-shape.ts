/**
 * In: a flat number of groups. Out: the (x, y) workgroup counts a WebGPU dispatch of them uses, each within
 * the limit every adapter guarantees. The writer folds (x, y) back to the flat number and the device
 * dispatches this shape, so both call this one function.
 */

/** `maxComputeWorkgroupsPerDimension` of the WebGPU defaults. */
const maxGroupsPerDimension = 65535;

/** `x * y >= groups`; the kernel skips what is over. */
export function dispatchShape(groups: number): { readonly x: number; readonly y: number } {
  const y = Math.max(1, Math.ceil(groups / maxGroupsPerDimension));
  return { x: Math.ceil(groups / y), y };
}
