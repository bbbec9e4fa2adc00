/**
 * Freezes plain data throughout: nodes, their attributes, types. What is frozen already is taken to be so throughout.
 * immer would do it when a graph is committed, but looks through each object several times and keeps lists of keys.
 */
export function freezePlain(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || !isPlain(value)) return;
  Object.freeze(value);
  for (const key in value) freezePlain((value as Record<string, unknown>)[key]);
}

/** Neither a typed array, which cannot be frozen, nor an object of a class, which is not ours to freeze. */
function isPlain(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
