/** `nn`: modules and functions to write networks with. */
export * from "./activations.ts";
export { LogSoftmax, Softmax, Softmax2d, Softmin, type SoftmaxOptions } from "./softmax-layers.ts";
export { MultiheadAttention, type AttentionMasks, type MultiheadAttentionOptions } from "./attention.ts";
export { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormLayerOptions } from "./batch-norm.ts";
export { Bilinear, type BilinearOptions } from "./bilinear.ts";
export { ChannelShuffle } from "./channel-shuffle.ts";
export { ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential } from "./containers.ts";
export {
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeLayerOptions,
} from "./conv-transpose-layers.ts";
export { DeformConv2d, type DeformConv2dOptions, type DeformConvOptions } from "./deform-conv.ts";
export { Conv1d, Conv2d, Conv3d, type ConvLayerOptions } from "./conv.ts";
export {
  CosineSimilarity,
  PairwiseDistance,
  type CosineSimilarityOptions,
  type NormalizeOptions,
  type PairwiseDistanceOptions,
} from "./distances.ts";
export * from "./dropout.ts";
export { EmbeddingBag, type EmbeddingBagMode, type EmbeddingBagOptions } from "./embedding-bag.ts";
export { Embedding, type EmbeddingOptions } from "./embedding.ts";
export { Fold, Unfold, type FoldOptions } from "./fold.ts";
export * as functional from "./functions.ts";
export * as init from "./init.ts";
export { Linear, type LinearOptions } from "./linear.ts";
export { LocalResponseNorm, type LocalResponseNormOptions } from "./local-response-norm.ts";
export * from "./losses.ts";
export {
  MaxUnpool1d,
  MaxUnpool2d,
  MaxUnpool3d,
  type MaxUnpoolLayerOptions,
  type MaxUnpoolOptions,
} from "./max-unpool.ts";
export type { InplaceOptions, OptionArguments } from "./option-arguments.ts";
export { Module, type LoadResult, type StateDict } from "./module.ts";
export * from "./normalization.ts";
export {
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
} from "./padding.ts";
export { PixelShuffle, PixelUnshuffle } from "./pixel-shuffle.ts";
export * from "./pooling.ts";
export {
  GRUCell,
  LSTMCell,
  RNNCell,
  type RNNCellOptions,
  type RecurrentCellOptions,
} from "./recurrent-cells.ts";
export { GRU, LSTM, RNN, type LSTMOptions, type RNNOptions, type RecurrentOptions } from "./recurrent.ts";
export type { Reduction } from "./reduction.ts";
export { Flatten, Identity, Unflatten, type FlattenOptions } from "./structure.ts";
export { Tensor, type Operand } from "./tensor.ts";
export {
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type SourceMasks,
  type TargetMasks,
  type TransformerLayerOptions,
} from "./transformer-layers.ts";
export {
  Transformer,
  TransformerDecoder,
  TransformerEncoder,
  type TransformerMasks,
  type TransformerOptions,
} from "./transformer.ts";
export {
  Upsample,
  UpsamplingBilinear2d,
  UpsamplingNearest2d,
  type InterpolateOptions,
  type InterpolationMode,
  type SizeOrScale,
} from "./upsample.ts";
export { Parameter, StateBuffer } from "../ir/stored-tensor.ts";
