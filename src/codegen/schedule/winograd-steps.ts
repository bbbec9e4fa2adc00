/**
 * The two ends of a Winograd convolution as kernels of their own, for GPUs: an item is one tile of one channel.
 * Between them lies a batched matrix product.
 */
import { InternalError } from "../../errors.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { inputSide } from "../../ir/winograd.ts";
import { tileCounts, winogradSize } from "../../ir/ops/winograd.ts";
import { int } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { expectAnchor, loadElement, storeElement, type BoundTensor, type Task } from "../lower/task.ts";
import type { Lanes } from "../target.ts";
import { distribute } from "./distribute.ts";
import { finish } from "./epilogue.ts";
import {
  channelLanes,
  emitInputTransform,
  emitOutputTransform,
  type TilePlace,
} from "./winograd-transforms.ts";

export function scheduleWinogradInput(kb: KernelBuilder, task: Task): void {
  const anchor = expectAnchor(task, "winograd_input");
  const { tile, padding, rows } = anchor.attributes;
  const tensor = operandOf(task, anchor.operands[0]!);
  const output = task.outputs[0]!;
  const [batch, channels] = tensor.type.shape as [number, number];
  const counts = tileCounts(winogradSize(tensor.type.shape, padding), tile);
  const lanes = layoutOf(tensor.type).at(-1) === 1 ? lanesOf(task, channels) : 1;
  forEachTile(kb, task, [batch, ...counts], rows, channels / lanes, lanes, (place, block, row) =>
    emitInputTransform(kb, { tensor, padding, tile, lanes }, place, (i, j, value) => {
      const index = [int(i * inputSide(tile) + j), block, row, place.channel];
      storeElement(kb, output, index, lanes === 1 ? null : { axis: 3, lanes }, value);
    }),
  );
}

export function scheduleWinogradOutput(kb: KernelBuilder, task: Task): void {
  const anchor = expectAnchor(task, "winograd_output");
  const { tile, batch, size } = anchor.attributes;
  const products = operandOf(task, anchor.operands[0]!);
  const rows = products.type.shape[2]!;
  const result = anchor.results[0]!;
  const channels = result.type.shape[1]!;
  const lanes = lanesOf(task, channels);
  forEachTile(
    kb,
    task,
    [batch, ...tileCounts(size, tile)],
    rows,
    channels / lanes,
    lanes,
    (place, block, row) => {
      const read = (i: number, j: number): Expr => {
        const index = [int(i * inputSide(tile) + j), block, row, place.channel];
        return loadElement(kb, products, index, lanes === 1 ? null : { axis: 3, lanes });
      };
      emitOutputTransform(kb, tile, size, place, read, (value, h, w) => {
        const lane = lanes === 1 ? null : { axis: 1, lanes };
        finish(kb, task, new Map([[result.id, value]]), [place.n, place.channel, h, w], lane);
      });
    },
  );
}

function forEachTile(
  kb: KernelBuilder,
  task: Task,
  tiles: readonly number[],
  rows: number,
  vectors: number,
  lanes: Lanes,
  body: (place: TilePlace, block: Expr, row: Expr) => void,
): void {
  const shape = [...tiles, vectors];
  const items = shape.reduce((product, extent) => product * extent, 1);
  distribute(kb, task.target, items, (item) => {
    const indices = kb.index.unflatten(item, shape).map((index) => kb.let(index, "o"));
    const [n, row, column, vector] = indices as [Expr, Expr, Expr, Expr];
    const tile = kb.let(kb.index.div(item, vectors), "tile");
    const channel = kb.let(kb.index.mul(vector, int(lanes)), "channel");
    const [block, blockRow] = [kb.index.div(tile, rows), kb.index.rem(tile, rows)];
    body({ n, row, column, channel }, kb.let(block, "block"), kb.let(blockRow, "row"));
  });
}

function lanesOf({ target }: Task, channels: number): Lanes {
  return target.family === "gpu" ? 1 : channelLanes(target.vectorWidth, channels);
}

function operandOf(task: Task, operand: string): BoundTensor {
  const tensor = task.inputs.get(operand);
  if (tensor === undefined)
    throw new InternalError("lower: the operand of a Winograd transform must be a buffer");
  return tensor;
}
