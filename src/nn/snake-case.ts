/** Names of properties as PyTorch's state dicts have them. */

/** `weightIhL0Reverse` to `weight_ih_l0_reverse`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
