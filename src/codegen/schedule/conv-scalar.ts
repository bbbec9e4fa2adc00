/**
 * Convolution one result element at a time: for weights that are computed in the run itself (so nothing was
 * packed) and for groups too small for vectors. Right for everything, fast for nothing.
 */
import { and, fma, float, int } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { expectAnchor, loadElement, type Task } from "../lower/task.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { distribute } from "./distribute.ts";
import { finish } from "./epilogue.ts";

export function scheduleScalarConv(kb: KernelBuilder, task: Task): void {
  const anchor = expectAnchor(task, "conv");
  const { kernel, stride, padding, dilation, groups, packing } = anchor.attributes;
  const x = task.inputs.get(anchor.operands[0]!)!;
  const weight = task.inputs.get(anchor.operands[1]!)!;
  const result = anchor.results[0]!;
  const depth = x.type.shape[1]! / groups;
  const outputsPerGroup = result.type.shape[1]! / groups;
  const order = layoutOf(result.type);
  const itemShape = order.map((axis) => result.type.shape[axis]!);
  const items = itemShape.reduce((product, size) => product * size, 1);

  distribute(kb, task.target, items, (item) => {
    const unordered = kb.index.unflatten(item, itemShape);
    const index = order.map((_, axis) => kb.let(unordered[order.indexOf(axis)]!, "o"));
    const [n, output, ...spatial] = index as [Expr, Expr, ...Expr[]];
    const firstChannel = kb.let(kb.index.mul(kb.index.div(output, outputsPerGroup), int(depth)), "channel");
    const total = kb.var(float(0));
    const taps: Expr[] = [];
    const positions: Expr[] = [];
    const nest = (axis: number): void => {
      if (axis === kernel.length) {
        kb.for(depth, "c", (c) => {
          const xValue = loadElement(kb, x, [n, kb.index.add(firstChannel, c), ...positions], null);
          const at =
            packing === null
              ? [output, c, ...taps]
              : [kb.index.div(output, packing.block), ...taps, c, kb.index.rem(output, packing.block)];
          kb.assign(total, fma(xValue, loadElement(kb, weight, at, null), total));
        });
        return;
      }
      kb.for(kernel[axis]!, "k", (k) => {
        const first = kb.index.add(kb.index.mul(spatial[axis]!, int(stride[axis]!)), int(-padding[axis]![0]));
        const at = kb.let(kb.index.add(first, kb.index.mul(k, int(dilation[axis]!))), "at");
        taps[axis] = k;
        positions[axis] = at;
        kb.if(and(kb.index.atLeast(at, 0), kb.index.less(at, x.type.shape[axis + 2]!)), () => nest(axis + 1));
      });
    };
    nest(0);
    finish(kb, task, new Map([[result.id, kb.let(total)]]), index, null);
  });
}
