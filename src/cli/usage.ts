/** What `heddle --help` prints. */
export const usage = `usage: heddle run MODEL.onnx --input [NAME=]FILE … [options]
       heddle inspect MODEL.onnx [--shape NAME=SIZE …] [--constant NAME=FILE …]
       heddle inspect --operators
       heddle tune MODEL.onnx [--shape NAME=SIZE …] [--constant NAME=FILE …] [--device DEVICE] [--records FILE]
       heddle devices
       heddle --help | --version

run: compiles a model and runs it once
  -i, --input [NAME=]FILE    an .npy, .png, .jpg or .jpeg file for an input; once for each
  -c, --constant NAME=FILE   an .npy file for an input that shapes depend on, such as the target of a Reshape
  -s, --shape NAME=SIZE      the size of a symbolic dimension; otherwise it follows from the inputs
  -d, --device DEVICE        auto (the default), cpu, webgpu or opencl
  -o, --output FILE          where results go: .json for all of them, .npy for one ([NAME=]FILE.npy)
      --profile              the time each kernel takes
  -r, --records FILE         tuning records to compile with
  for images:
      --scale NUMBER         what values from 0 to 255 are multiplied with (default 1/255)
      --mean A[,B,C]         subtracted after that (default 0)
      --std A[,B,C]          divided by after that (default 1)
      --layout NCHW|NHWC     order of the input's dimensions (default NCHW)

inspect: what a model holds and whether it is supported; compiles nothing
  -s, --shape NAME=SIZE      the size of a symbolic dimension, to count multiply-adds; NAME=SIZE,SIZE,… the shape
                             of an input that the file says none of
  -c, --constant NAME=FILE   an .npy file for an input that shapes depend on, for the same
      --operators            the ONNX operators that are supported, instead

tune: measures on the device what the compiler otherwise decides by rules, and writes records
  -s, --shape NAME=SIZE      the size of a symbolic dimension
  -c, --constant NAME=FILE   an .npy file for an input that shapes depend on
  -d, --device DEVICE        auto (the default), cpu, webgpu or opencl
  -r, --records FILE         where records go, beside those it holds (default MODEL.tuning.json)
      --again                measures what the file has records of, too

devices: the devices there are, and for what is missing, why`;
