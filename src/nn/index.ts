/** `nn`: modules and functions to write networks with. */
export * from "./activations.ts";
export { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormLayerOptions } from "./batch-norm.ts";
export { ModuleList, Sequential } from "./containers.ts";
export { Conv1d, Conv2d, Conv3d, type ConvLayerOptions } from "./conv.ts";
export * as functional from "./functional.ts";
export * as init from "./init.ts";
export { Linear } from "./linear.ts";
export { Module, type LoadResult, type StateDict } from "./module.ts";
export * from "./pooling.ts";
export { Dropout, Flatten, Identity } from "./structure.ts";
export { Tensor, type Operand } from "./tensor.ts";
export { Parameter, StateBuffer } from "../ir/stored-tensor.ts";
