/**
 * f16 on the host: IEEE 754 binary16, one sign bit, 5 of exponent (bias 15), 10 of fraction. Arrays hold the
 * bits, because not every engine that Heddle runs in has a Float16Array.
 */

/** The number that 16 bits stand for. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bits of the nearest f16, halves to even; from 65520 on that is infinity. */
export function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  // log2 may be off by one next to a power of two.
  let exponent = Math.max(Math.floor(Math.log2(magnitude)), -15);
  if (2 ** (exponent + 1) <= magnitude) exponent++;
  if (2 ** exponent > magnitude) exponent--;
  exponent = Math.max(exponent, -14);
  const scaled = magnitude / 2 ** (exponent - 10);
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const rounded = floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
  // Below 2^-14 (subnormal) the leading bit is missing; rounding up to the next power carries by itself.
  return sign | ((exponent + 14) * 1024 + rounded);
}

/** f32 from the bits of f16, without loss. */
export function decodeHalves(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const result = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) result[i] = halfToNumber(halves[i]!);
  return result;
}

/** The bits of the nearest f16 of each number. */
export function encodeHalves(numbers: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const result = new Uint16Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) result[i] = numberToHalf(numbers[i]!);
  return result;
}
