/** Every op there is. A new op is added to its family's interface and table, and is here by itself. */
import { attentionOps, type AttentionOps } from "./attention.ts";
import { batchNormOps, type BatchNormOps } from "./batch-norm.ts";
import { batchNormSplitOps, type BatchNormSplitOps } from "./batch-norm-split.ts";
import { constantOps, type ConstantOps } from "./constant.ts";
import { convOps, type ConvOps } from "./conv.ts";
import { elementwiseOps, type ElementwiseOps } from "./elementwise.ts";
import { fusionOps, type FusionOps } from "./fusion.ts";
import { matmulOps, type MatmulOps } from "./matmul.ts";
import { movementOps, type MovementOps } from "./movement.ts";
import type { Op, OpFamily } from "./op.ts";
import { placementOps, type PlacementOps } from "./placement.ts";
import { poolOps, type PoolOps } from "./pool.ts";
import { randomOps, type RandomOps } from "./random.ts";
import { reductionOps, type ReductionOps } from "./reduction.ts";
import { softmaxOps, type SoftmaxOps } from "./softmax.ts";
import { standardizeOps, type StandardizeOps } from "./standardize.ts";
import { winogradOps, type WinogradOps } from "./winograd.ts";

export interface OpTable
  extends
    ConstantOps,
    ElementwiseOps,
    MovementOps,
    RandomOps,
    ReductionOps,
    PlacementOps,
    AttentionOps,
    SoftmaxOps,
    StandardizeOps,
    MatmulOps,
    ConvOps,
    PoolOps,
    BatchNormOps,
    BatchNormSplitOps,
    WinogradOps,
    FusionOps {}

export type OpName = keyof OpTable;
export type Attributes<K extends OpName> = OpTable[K];

export const ops: OpFamily<OpTable> = {
  ...constantOps,
  ...elementwiseOps,
  ...movementOps,
  ...randomOps,
  ...reductionOps,
  ...placementOps,
  ...attentionOps,
  ...softmaxOps,
  ...standardizeOps,
  ...matmulOps,
  ...convOps,
  ...poolOps,
  ...batchNormOps,
  ...batchNormSplitOps,
  ...winogradOps,
  ...fusionOps,
};

/** The record of an op whose name is only known at run time. */
export function opRecord(name: OpName): Op<unknown> {
  return ops[name] as Op<unknown>;
}

export function isOpName(name: string): name is OpName {
  return Object.hasOwn(ops, name);
}
