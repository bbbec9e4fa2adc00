/** The graphs behind the golden kernels: each shows one schedule, with the tails and borders it has to handle. */
import { conv, training } from "../passes/attributes.ts";

interface ConvLayer {
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly y: readonly number[];
  readonly stride?: number;
  readonly padding?: number;
  readonly groups?: number;
}

/**
 * Conv → BatchNorm → ReLU at inference, the second of three convolutions, so that images are channels-last before
 * and after it; or, with `first`, the first of two, whose image comes row-major from the caller.
 */
function convBatchNormRelu(layer: ConvLayer, position: "first" | "inside" = "inside"): string {
  const { x, weight, y, stride = 1, padding = 0, groups = 1 } = layer;
  const attributes = conv({ kernel: weight.slice(2), padding, groups }).replace("stride=[1,1]", `stride=[${stride},${stride}]`);
  const c = `f32[${y[1]}]`;
  const before = position === "first" ? "" : `%i = conv(%x, %p) ${conv({ kernel: [1, 1] })} : f32[${x.join()}]`;
  return `graph g(%x: input "x" f32[${x.join()}], %w: parameter "w" f32[${weight.join()}], %m: state "mean" ${c}, %v: state "var" ${c},
      %g: parameter "gamma" ${c}, %b: parameter "beta" ${c}, %p: parameter "p" f32[${x[1]},${x[1]},1,1], %q: parameter "q" f32[4,${y[1]},1,1]) {
    ${before}
    %k = conv(${position === "first" ? "%x" : "%i"}, %w) ${attributes} : f32[${y.join()}]
    %n = batch_norm(%k, %m, %v, %g, %b) {eps=1e-5} : f32[${y.join()}]
    %r = relu(%n) : f32[${y.join()}]
    %o = conv(%r, %q) ${conv({ kernel: [1, 1] })} : f32[1,4,${y.slice(2).join()}]
    return "o" %o
  }`;
} // prettier-ignore

/** One node from inputs of the run. */
function single(inputs: Readonly<Record<string, string>>, node: string, type: string): string {
  const list = Object.entries(inputs).map(([name, text]) => `%${name}: input "${name}" ${text}`).join(", ");
  return `graph g(${list}) {\n%y = ${node} : ${type}\nreturn "y" %y\n}`;
} // prettier-ignore

const pool = (size: number, stride: number, padding: number, ceilMode: boolean) =>
  `stride=[${stride},${stride}], padding=[[${padding},${padding}],[${padding},${padding}]], dilation=[1,1], kernel=[${size},${size}], ceilMode=${ceilMode}`;

const norm = `graph g(%x: input "x" f32[4,6,5,7], %g: parameter "g" f32[6], %b: parameter "b" f32[6],
    %m: state "mean" f32[6], %v: state "var" f32[6], %n: state "count" i32[]) {
  %y, %mu, %i, %m1, %v1, %n1 = batch_norm_training(%x, %g, %b, %m, %v, %n) ${training()} : f32[4,6,5,7], f32[6], f32[6], f32[6], f32[6], i32[]
  %r = relu(%y) : f32[4,6,5,7]
  return "r" %r
  return "mean" %m1 updates %m
  return "var" %v1 updates %v
  return "count" %n1 updates %n
}`;

export const graphs = {
  conv3x3: convBatchNormRelu({ x: [1, 8, 6, 6], weight: [16, 8, 3, 3], y: [1, 16, 6, 6], padding: 1 }),
  conv1x1: convBatchNormRelu({ x: [1, 8, 5, 5], weight: [12, 8, 1, 1], y: [1, 12, 5, 5] }),
  depthwise: convBatchNormRelu({ x: [1, 8, 6, 6], weight: [8, 1, 3, 3], y: [1, 8, 6, 6], padding: 1, groups: 8 }),
  conv7x7: convBatchNormRelu({ x: [1, 3, 16, 16], weight: [8, 3, 7, 7], y: [1, 8, 8, 8], stride: 2, padding: 3 }, "first"),
  matmulPacked: `graph g(%x: input "x" f32[5,7], %w: parameter "w" f32[7,10], %b: parameter "b" f32[10]) {
    %k = matmul(%x, %w) {packing=null} : f32[5,10]
    %y = add(%k, %b) : f32[5,10]
    return "y" %y
  }`,
  matmul: single({ a: "f32[5,7]", b: "f32[7,10]" }, "matmul(%a, %b) {packing=null}", "f32[5,10]"),
  broadcast: `graph g(%x: input "x" f32[3,5,6], %c: input "c" f32[5,1], %s: input "s" f32[]) {
    %a = mul(%x, %c) : f32[3,5,6]
    %b = add(%a, %s) : f32[3,5,6]
    %y = tanh(%b) : f32[3,5,6]
    return "y" %y
  }`,
  sumOfRows: single({ x: "f32[6,37]" }, "sum(%x) {axes=[1], keepDims=false}", "f32[6]"),
  sumOfColumns: single({ x: "f32[37,8]" }, "sum(%x) {axes=[0], keepDims=false}", "f32[8]"),
  softmax: single({ x: "f32[3,10]" }, "softmax(%x) {axis=1}", "f32[3,10]"),
  maxPool: single({ x: "f32[1,4,8,8]" }, `max_pool(%x) {${pool(3, 2, 1, false)}}`, "f32[1,4,4,4]"),
  avgPoolCeil: single({ x: "f32[1,4,6,6]" }, `avg_pool(%x) {${pool(3, 2, 0, true)}, countIncludePad=true}`, "f32[1,4,3,3]"),
  batchNormTraining: norm,
  batchNormSplit: norm,
  twoReductions: `graph g(%x: input "x" f32[3,40]) {
    %m = mean(%x) {axes=[1], keepDims=true} : f32[3,1]
    %d = sub(%x, %m) : f32[3,40]
    %s = softmax(%d) {axis=1} : f32[3,40]
    %y = softmax(%s) {axis=0} : f32[3,40]
    return "y" %y
  }`,
  permute: single({ x: "f32[4,6,5]" }, "permute(%x) {axes=[0,2,1]}", "f32[4,5,6]"),
  pad: single({ x: "f32[3,6]" }, "pad(%x) {padding=[[1,0],[2,1]], value=0.5}", "f32[4,9]"),
  concat: single({ a: "f32[2,3]", b: "f32[2,5]" }, "concat(%a, %b) {axis=1}", "f32[2,8]"),
} as const; // prettier-ignore
