/** Values as Python prints them, which is how PyTorch prints the settings of modules. */

/** A number that is a `float` in Python: `1.0`, `1e-05`. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent] = value.toExponential().split("e") as [string, string];
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** Anything else: `True`, `None`, `(3, 3)`, `(1,)`; numbers without a fraction are an `int`. */
export function pythonText(value: unknown): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === null || value === undefined) return "None";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : floatText(value);
  if (Array.isArray(value)) return `(${value.map(pythonText).join(", ")}${value.length === 1 ? "," : ""})`;
  return String(value);
}

/** `kernel_size=(3, 3), stride=(1, 1)` of names and values in order; strings are text of Python's already. */
export function settingsText(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${pythonText(value)}`)
    .join(", ");
}
