/**
 * Run by `opencl-caches.test.ts` in a process whose environment says where caches lie. Prints as JSON what running a network on
 * OpenCL gave, and what was said of its kernels.
 */
import { compile, nn, tensor } from "../../src/index.ts";
import { openOpenclDevice } from "../../src/runtime/opencl/open.ts";

class Doubled extends nn.Module {
  override forward(x: nn.Tensor): nn.Tensor {
    return x.mul(2).sum();
  }
}

let answer: unknown;
try {
  const device = await openOpenclDevice();
  const notes: string[] = [];
  const compiled = await compile(new Doubled(), [{ shape: [3] }], {
    device,
    onProgress: ({ note }) => void (note !== undefined && notes.push(note)),
  });
  const { data } = await compiled.run(tensor([1, 2, 3]));
  answer = { data: [...data], notes };
  await device.dispose();
} catch (error) {
  const { name, code, message } = error as Error & { code?: string };
  answer = { error: { name, code, message } };
}
console.log(JSON.stringify(answer));
