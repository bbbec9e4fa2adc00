/** Everything `nn.functional` offers, from the files that define it. */
export * from "./activation-functions.ts";
export { adaptiveMaxPool } from "./adaptive-max-pool.ts";
export { scaledDotProductAttention } from "./attention.ts";
export { bilinear } from "./bilinear.ts";
export { channelShuffle } from "./channel-shuffle.ts";
export {
  crossEntropy,
  nllLoss,
  type ClassLossOptions,
  type CrossEntropyOptions,
} from "./classification-losses.ts";
export { convTranspose, type ConvTransposeOptions } from "./conv-transpose.ts";
export { deformConv, type DeformConvOptions } from "./deform-conv.ts";
export { cosineSimilarity, normalize, pairwiseDistance } from "./distances.ts";
export * from "./dropout-functions.ts";
export { einsum } from "./einsum.ts";
export { embedding } from "./embedding.ts";
export { fold, unfold } from "./fold.ts";
export * from "./functional.ts";
export { affineGrid, gridSample, type GridSampleOptions } from "./grid-sample.ts";
export { localResponseNorm } from "./local-response-norm.ts";
export * from "./loss-functions.ts";
export { lpPool, type LpPoolOptions } from "./lp-pool.ts";
export { maxPoolWithIndices } from "./max-positions.ts";
export { maxUnpool } from "./max-unpool.ts";
export { groupNorm, instanceNorm, layerNorm, rmsNorm } from "./normalization-functions.ts";
export { argsort, cumsum, flip, sort, topk, tril, triu, type Ordered } from "./ordering.ts";
export { pad, type PadOptions, type PaddingMode } from "./pad.ts";
export { pixelShuffle, pixelUnshuffle } from "./pixel-shuffle.ts";
export {
  gather,
  oneHot,
  scatter,
  scatterAdd,
  scatterReduce,
  takeAlongDim,
  type ReductionName,
} from "./scattering.ts";
export { chunk, movedim, repeat, roll, split, tile, unbind } from "./splitting.ts";
export { all, any, logsumexp, norm, std } from "./statistics.ts";
export { interpolate } from "./upsample.ts";
