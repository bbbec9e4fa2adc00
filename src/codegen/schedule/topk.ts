/**
 * The order of elements along an axis. On CPUs an item sorts a line by merging (n log n steps in one thread); on GPUs
 * an item counts what comes before one element, which is that element's place (n steps in each of n threads).
 */
import { and, binary, compare, convert, int, select, unary } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { expectAnchor, loadElement, storeElement, type BoundTensor, type Task } from "../lower/task.ts";
import { distribute } from "./distribute.ts";

/** A line of the operand about to be put in order. */
interface Line {
  readonly length: number;
  readonly kept: number;
  /** The element at a position. */
  readonly element: (position: Expr) => Expr;
  /** Says which position the element of a place in the order has. */
  readonly place: (rank: Expr, position: Expr) => void;
  /** Whether `a` comes before `b`, which is not its equal then. */
  readonly precedes: (a: Expr, b: Expr) => Expr;
}

export function scheduleTopk(kb: KernelBuilder, task: Task): void {
  const node = expectAnchor(task, "topk");
  const { axis, k, largest } = node.attributes;
  const x = task.inputs.get(node.operands[0]!)!;
  const output: BoundTensor = task.outputs[0]!;
  const length = x.type.shape[axis]!;
  const lines = x.type.shape.filter((_, i) => i !== axis);
  const lineCount = lines.reduce((product, size) => product * size, 1);

  const lineAt = (number: Expr): Line => {
    const others = kb.index.unflatten(number, lines).map((position) => kb.let(position, "o"));
    const at = (position: Expr): Expr[] => [...others.slice(0, axis), position, ...others.slice(axis)];
    return {
      length,
      kept: k,
      element: (position) => loadElement(kb, x, at(position), null),
      place: (rank, position) => storeElement(kb, output, at(rank), null, position),
      precedes: (a, b) => (largest ? isAbove(a, b) : isAbove(b, a)),
    };
  };
  if (task.target.family === "cpu")
    distribute(kb, task.target, lineCount, (item) => merge(kb, lineAt(item)), { tasksPerCore: 1 });
  else
    distribute(kb, task.target, lineCount * length, (item) =>
      rank(
        kb,
        lineAt(kb.let(kb.index.div(item, length), "line")),
        kb.let(kb.index.rem(item, length), "mine"),
      ),
    );
}

/** NaN is above every number. */
function isAbove(a: Expr, b: Expr): Expr {
  const greater = compare("gt", a, b);
  if (a.type.scalar !== "f32") return greater;
  return binary("or", greater, and(unary("isnan", a), unary("not", unary("isnan", b))));
}

function rank(kb: KernelBuilder, line: Line, position: Expr): void {
  const mine = line.element(position);
  const before = kb.var(int(0), "before");
  kb.for(line.length, "i", (i) => {
    const other = line.element(i);
    const isEarlier = and(unary("not", line.precedes(mine, other)), compare("lt", i, position));
    const comes = binary("or", line.precedes(other, mine), isEarlier);
    kb.assign(before, binary("add", before, convert(comes, "i32")));
  });
  kb.if(compare("lt", before, int(line.kept)), () => line.place(before, position));
}

/**
 * Bottom-up merge sort of positions, stable: runs of 1, 2, 4, … are merged from one half of the scratch memory into
 * the other. Positions are whole numbers in f32 there, which holds them up to 2²⁴.
 */
function merge(kb: KernelBuilder, line: Line): void {
  const { length } = line;
  const scratch = kb.scratch("order", 2 * length);
  const base = kb.let(kb.index.mul(kb.group, int(2 * length)), "base");
  const half = (number: Expr): Expr =>
    kb.let(binary("add", base, binary("mul", number, int(length))), "half");
  const positionAt = (start: Expr, offset: Expr): Expr =>
    kb.let(convert(kb.load(scratch, binary("add", start, offset)), "i32"), "position");
  const levels = Math.ceil(Math.log2(Math.max(length, 1)));

  kb.for(length, "i", (i) => kb.store(scratch, kb.index.add(base, i), convert(i, "f32")));
  const [a, aEnd, b, bEnd, takesB] = ["a", "a_end", "b", "b_end", "takes_b"].map((name) =>
    kb.var(int(0), name),
  ) as [Expr, Expr, Expr, Expr, Expr];
  kb.for(levels, "level", (level) => {
    const width = kb.let(binary("shl", int(1), level), "width");
    const from = half(binary("rem", level, int(2)));
    const to = half(binary("sub", int(1), binary("rem", level, int(2))));
    for (const variable of [a, aEnd, b, bEnd]) kb.assign(variable, int(0));
    kb.for(length, "i", (i) => {
      const isMerged = and(compare("ge", a, aEnd), compare("ge", b, bEnd));
      kb.if(isMerged, () => {
        kb.assign(a, i);
        kb.assign(aEnd, binary("min", binary("add", i, width), int(length)));
        kb.assign(b, aEnd);
        kb.assign(bEnd, binary("min", binary("add", aEnd, width), int(length)));
      });
      kb.assign(takesB, convert(compare("lt", b, bEnd), "i32"));
      kb.if(and(compare("lt", a, aEnd), compare("lt", b, bEnd)), () => {
        const [mine, other] = [positionAt(from, a), positionAt(from, b)];
        const comes = line.precedes(line.element(other), line.element(mine));
        kb.assign(takesB, convert(comes, "i32"));
      });
      const taken = select(compare("ne", takesB, int(0)), b, a);
      const moved = kb.load(scratch, binary("add", from, kb.let(taken, "taken")));
      kb.store(scratch, binary("add", to, i), moved);
      kb.assign(a, binary("add", a, binary("sub", int(1), takesB)));
      kb.assign(b, binary("add", b, takesB));
    });
  });
  const sorted = half(int(levels % 2));
  kb.for(line.kept, "r", (r) => line.place(r, positionAt(sorted, r)));
}
