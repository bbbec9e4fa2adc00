/**
 * Einstein summation: operands are contracted two at a time as matrix products, `[batch, free, summed]` times
 * `[batch, summed, free]`. A label is a letter, or the number of a dimension that "..." stands for.
 */
import { UserError, type UserErrorCode } from "../errors.ts";
import { elementCount } from "../ir/shape.ts";
import { longestTable, takeAlong } from "./positions.ts";
import type { Tensor } from "./tensor.ts";

interface Labelled {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

/**
 * `torch.einsum`: "ij,jk->ik" with letters for dimensions and "..." for those that broadcast; without an arrow the
 * result has the letters that appear once, in alphabetical order.
 */
export function einsum(given: string, ...inputs: readonly Tensor[]): Tensor {
  const equation = given.replace(/\s/g, "");
  const [left, right] = equation.split("->") as [string, string?];
  const terms = left.split(",");
  if (terms.length !== inputs.length || !/^[A-Za-z.,]*(->[A-Za-z.]*)?$/.test(equation))
    return fail("argument", `equation '${equation}' does not fit ${inputs.length} inputs.`);
  let spread = 0;
  const operands = inputs.map((tensor, i): Labelled => {
    const letters = terms[i]!.replace("...", "").length;
    const hidden = terms[i]!.includes("...") ? tensor.rank - letters : 0;
    if (letters + hidden !== tensor.rank || hidden < 0)
      return fail("shape", `'${terms[i]!}' does not label the ${tensor.rank} dimensions of input ${i}.`);
    spread = Math.max(spread, hidden);
    return withoutRepeats({ tensor, labels: expandLabels(terms[i]!, hidden) });
  });
  const output =
    right === undefined
      ? [...ellipsis(spread), ...once(left).filter((label) => /[A-Za-z]/.test(label))]
      : expandLabels(right, spread);
  const all = new Set(operands.flatMap(({ labels }) => labels));
  const unknown = output.find((label) => !all.has(label));
  if (unknown !== undefined || new Set(output).size !== output.length)
    return fail("argument", `equation '${equation}' has an output that its inputs do not define.`);
  const [first, ...others] = operands as [Labelled, ...Labelled[]];
  const result = others.reduce((product, operand, i) => {
    const later = others.slice(i + 1).flatMap(({ labels }) => labels);
    return contract(product, operand, new Set([...output, ...later]));
  }, first);
  const summed = sumOver(result, (label) => !output.includes(label));
  return ordered(summed, output);
}

/** Hidden dimensions are counted from the right, where they are aligned. */
const ellipsis = (count: number): string[] => Array.from({ length: count }, (_, i) => String(count - i));

function expandLabels(term: string, hidden: number): string[] {
  const [before, after] = term.split("...") as [string, string?];
  return after === undefined ? [...before] : [...before, ...ellipsis(hidden), ...after];
}

/** Letters that appear exactly once, in alphabetical order. */
function once(terms: string): string[] {
  return [...new Set(terms)].filter((label) => terms.split(label).length === 2).sort();
}

/** A label twice on one operand takes the diagonal. */
function withoutRepeats({ tensor, labels }: Labelled): Labelled {
  const at = labels.findIndex((label, i) => labels.indexOf(label) !== i);
  if (at < 0) return { tensor, labels };
  const first = labels.indexOf(labels[at]!);
  const size = tensor.shape[at]!;
  if (size > longestTable)
    return fail("unsupported", `a diagonal of ${size} elements; at most ${longestTable} can be.`);
  const rest = labels.map((_, i) => i).filter((i) => i !== first && i !== at);
  const paired = tensor.permute([...rest, first, at]);
  const joined = paired.reshape([...paired.shape.slice(0, -2), -1]);
  const diagonal = takeAlong(
    joined,
    rest.length,
    Array.from({ length: size }, (_, i) => i * (size + 1)),
  );
  return withoutRepeats({ tensor: diagonal, labels: [...rest.map((i) => labels[i]!), labels[at]!] });
}

function sumOver({ tensor, labels }: Labelled, isSummed: (label: string) => boolean): Labelled {
  const axes = labels.flatMap((label, axis) => (isSummed(label) ? [axis] : []));
  if (axes.length === 0) return { tensor, labels };
  return { tensor: tensor.sum(axes), labels: labels.filter((label) => !isSummed(label)) };
}

function ordered({ tensor, labels }: Labelled, wanted: readonly string[]): Tensor {
  return tensor.permute(wanted.map((label) => labels.indexOf(label)));
}

/** The product of two operands, summed over the labels that nothing needs any more. */
function contract(a: Labelled, b: Labelled, needed: ReadonlySet<string>): Labelled {
  const left = sumOver(a, (label) => !needed.has(label) && !b.labels.includes(label));
  const right = sumOver(b, (label) => !needed.has(label) && !a.labels.includes(label));
  const shared = left.labels.filter((label) => right.labels.includes(label));
  const batch = shared.filter((label) => needed.has(label));
  const summed = shared.filter((label) => !needed.has(label));
  const freeLeft = left.labels.filter((label) => !shared.includes(label));
  const freeRight = right.labels.filter((label) => !shared.includes(label));
  const sizeOf = (label: string): number => {
    const sizes = [left, right].flatMap(({ tensor, labels }) => {
      const axis = labels.indexOf(label);
      return axis < 0 ? [] : [tensor.shape[axis]!];
    });
    const wide = sizes.filter((size) => size !== 1);
    if (new Set(wide).size > 1) return fail("shape", `'${label}' stands for sizes ${sizes.join(" and ")}.`);
    return wide[0] ?? 1;
  };
  const grouped = (operand: Labelled, groups: readonly (readonly string[])[]): Tensor => {
    const labels = groups.flat();
    const full = ordered(operand, labels).expand(labels.map(sizeOf));
    return full.reshape(groups.map((group) => elementCount(group.map(sizeOf))));
  };
  const x = grouped(left, [batch, freeLeft, summed]);
  const y = grouped(right, [batch, summed, freeRight]);
  const product = x.dtype === "f32" ? x.matmul(y) : x.unsqueeze(3).mul(y.unsqueeze(1)).sum(2);
  const labels = [...batch, ...freeLeft, ...freeRight];
  return { tensor: product.reshape(labels.map(sizeOf)), labels };
}

function fail(code: UserErrorCode, message: string): never {
  throw new UserError(code, `einsum: ${message}`);
}
