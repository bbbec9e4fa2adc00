/** Everything `nn.functional` offers, from the files that define it. */
export * from "./activation-functions.ts";
export { scaledDotProductAttention } from "./attention.ts";
export { convTranspose, type ConvTransposeOptions } from "./conv-transpose.ts";
export { embedding } from "./embedding.ts";
export * from "./functional.ts";
export { groupNorm, instanceNorm, layerNorm, rmsNorm } from "./normalization-functions.ts";
export { pixelShuffle, pixelUnshuffle } from "./pixel-shuffle.ts";
export { interpolate } from "./upsample.ts";
