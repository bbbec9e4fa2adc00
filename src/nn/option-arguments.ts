/**
 * What layers are told after what they cannot do without: an options object, or values in PyTorch's order, or values
 * and an options object after them. `new Conv2d(3, 8, 3, { padding: 1 })`, `new Conv2d(3, 8, 3, 1, 1)` and
 * `new Conv2d(3, 8, 3, 1, { padding: 1 })` come out as the same options.
 */
import { UserError } from "../errors.ts";
import { checkKind, checkOptions, describeValue, type KnownOptions } from "../ir/check-options.ts";

/** An options object; or values in PyTorch's order, which `Order` has the names of, and an options object last. */
export type OptionArguments<Options, Order extends readonly unknown[]> =
  | [options?: Options]
  | (Order extends readonly [infer Name extends keyof Options, ...infer Rest]
      ? [value: Options[Name], ...rest: OptionArguments<Options, Rest>]
      : never);

/** Every option of a layer with its kind, and the names of those that may be given by position. */
export interface ArgumentNames<Options> {
  readonly known: KnownOptions<Options>;
  readonly order: readonly (keyof Options & string)[];
}

/**
 * The options in a layer's last arguments, checked.
 * @param layer the layer's name
 * @param leading names of the arguments before them, for messages
 */
export function readOptions<Options extends object>(
  layer: string,
  leading: readonly string[],
  { known, order }: ArgumentNames<Options>,
  given: readonly unknown[],
): Options {
  const last = given.at(-1);
  const hasOptions = isPlainObject(last);
  const values = hasOptions ? given.slice(0, -1) : given;
  const options = hasOptions ? last : undefined;
  if (values.length > order.length)
    throw new UserError(
      "argument",
      `${layer}: takes (${[...leading, ...order].join(", ")}) and then an options object, got ${values.length - order.length} more: ${describeValue(values[order.length])}.`,
    );
  checkOptions<Options>(layer, options, known);
  const result: Record<string, unknown> = { ...options };
  values.forEach((value, position) => {
    const name = order[position]!;
    if (value === undefined) return;
    if (result[name] !== undefined)
      throw new UserError("argument", `${layer}: ${name} is given twice, by position and as an option.`);
    checkKind(layer, name, value, known[name]);
    result[name] = value;
  });
  return result as Options;
}

/** Refuses required arguments that are no whole numbers from `least` on. */
export function checkCounts(layer: string, counts: Readonly<Record<string, unknown>>, least = 1): void {
  for (const [name, count] of Object.entries(counts))
    if (!Number.isInteger(count) || (count as number) < least)
      throw new UserError(
        "argument",
        `${layer}: ${name} must be a whole number from ${least}, got ${describeValue(count)}.`,
      );
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** What layers take that compute in place in PyTorch. */
export interface InplaceOptions {
  /** Taken because PyTorch has it; without effect, since values of a graph never change. */
  readonly inplace?: boolean;
}

/** The arguments of layers that take nothing else. */
export const inplaceArguments = {
  known: { inplace: "boolean" },
  order: ["inplace"],
} as const satisfies ArgumentNames<InplaceOptions>;
