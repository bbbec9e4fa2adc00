/** What `heddle --help` prints, and `heddle COMMAND --help` for each command. */
import type { Topic } from "./arguments.ts";

/** What the command ends with. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

const constant = `-c, --constant NAME=VALUE   an input that shapes or branches depend on: numbers, such as sr=16000 or axes=1,2,
                             or an .npy file`;
const device = "-d, --device DEVICE        auto (the default), cpu, webgpu or opencl";

const usages: Readonly<Record<Topic, string>> = {
  run: `usage: heddle run MODEL.onnx --input [NAME=]FILE … [options]

Compiles a model and runs it once.

  -i, --input [NAME=]FILE    an .npy, .png, .jpg or .jpeg file for an input; once for each
  ${constant}
  -s, --shape NAME=SIZE      the size of a symbolic dimension; otherwise it follows from the inputs
  ${device}
  -o, --output FILE          where results go: .json for all of them, .npy for one ([NAME=]FILE.npy)
      --json                 results as JSON, and nothing else, on the standard output
      --profile              the time each kernel takes
  -r, --records FILE         tuning records to compile with
  for images:
      --scale NUMBER         what values from 0 to 255 are multiplied with (default 1/255)
      --mean A[,B,C]         subtracted after that (default 0)
      --std A[,B,C]          divided by after that (default 1)
      --layout NCHW|NHWC     order of the input's dimensions (default NCHW)

example: heddle run resnet18.onnx --input cat.jpg --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225`,
  inspect: `usage: heddle inspect MODEL.onnx [--shape NAME=SIZE …] [--constant NAME=VALUE …] [--json]
       heddle inspect --operators [--json]

Says what a model holds, its branches included, and whether it is supported; compiles nothing. Ends with 1 where it
cannot run.

  -s, --shape NAME=SIZE      the size of a symbolic dimension, to count multiply-adds; NAME=SIZE,SIZE,… the shape
                             of an input that the file says none of
  ${constant}
      --json                 the description as JSON
      --operators            the ONNX operators that are supported, instead

example: heddle inspect silero-vad.onnx --constant sr=16000`,
  tune: `usage: heddle tune MODEL.onnx [--shape NAME=SIZE …] [--constant NAME=VALUE …] [--device DEVICE] [--records FILE]

Measures on the device what the compiler otherwise decides by rules, and writes records.

  -s, --shape NAME=SIZE      the size of a symbolic dimension
  ${constant}
  ${device}
  -r, --records FILE         where records go, beside those it holds (default MODEL.tuning.json)
      --again                measures what the file has records of, too

example: heddle tune resnet18.onnx --shape N=1 --device cpu`,
  devices: `usage: heddle devices [--json]

Lists the devices there are, and for what is missing, why.

      --json                 as JSON, with all that the compiler knows of each

example: heddle devices --json`,
};

const general = `usage: heddle run MODEL.onnx --input [NAME=]FILE … [options]
       heddle inspect MODEL.onnx [options]
       heddle tune MODEL.onnx [options]
       heddle devices [--json]
       heddle COMMAND --help
       heddle -h | --help | -v | --version

run       compiles a model and runs it once
inspect   what a model holds and whether it is supported
tune      measures what the compiler otherwise decides by rules
devices   the devices there are, and for what is missing, why

example: heddle run model.onnx --input image.npy

exit codes: 0 all went well; 1 the model, a file or a device did not do what was asked (inspect: the model cannot
run); 2 the command line was not understood`;

/** The help of a command, or of all. */
export function usageOf(topic: Topic | undefined): string {
  return topic === undefined ? general : usages[topic];
}
