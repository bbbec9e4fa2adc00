/** Everything the demo needs from `data/`: test images, their labels, and what PyTorch trained and computed. */
import { readFileSync } from "node:fs";
import { readSafetensors, tensor } from "heddle";
import { readIdxImages, readIdxLabels } from "./idx.ts";
import { DigitsNet } from "./network.ts";

const read = (name: string): Buffer => readFileSync(new URL(`data/${name}`, import.meta.url));

/** The network with PyTorch's weights, in eval mode. */
export function loadNetwork(): DigitsNet {
  const net = new DigitsNet();
  net.loadStateDict(readSafetensors(read("digits-resnet.safetensors")));
  return net.eval();
}

/** 360 handwritten digits of 8×8 pixels, 0 to 255. */
export function loadDigits() {
  const { count, rows, columns, pixels } = readIdxImages(read("test-images-idx3-ubyte"));
  const batch = tensor(
    Float32Array.from(pixels, (pixel) => pixel / 255),
    [count, 1, rows, columns],
  );
  return { count, rows, columns, pixels, labels: readIdxLabels(read("test-labels-idx1-ubyte")), batch };
}

export type Digits = ReturnType<typeof loadDigits>;

/** The logits PyTorch computes for the test images, `[360, 10]`. */
export function loadExpectedLogits(): Float32Array {
  const logits = readSafetensors(read("expected-logits.safetensors"))["logits"];
  if (!(logits?.data instanceof Float32Array))
    throw new Error("expected-logits.safetensors holds no f32 logits");
  return logits.data;
}
