/** What `run` is given, as the program takes it, or what does not fit. */
import type { InterfaceTensor } from "../codegen/executable.ts";
import { UserError } from "../errors.ts";
import { graphDType, narrowRange } from "../ir/dtype.ts";
import { checkIndices } from "../ir/index-checks.ts";
import { checkHostTensor, type HostTensor } from "../ir/host-tensor.ts";
import { formatShape, sameShape } from "../ir/shape.ts";
import type { Device } from "./device.ts";
import { DeviceTensor } from "./device-tensor.ts";

/**
 * The inputs as the program takes them.
 * @throws UserError that names the first input that does not fit
 */
export function readInputs(
  inputs: readonly (HostTensor | DeviceTensor)[],
  expected: readonly InterfaceTensor[],
  device: Device,
): readonly (HostTensor | DeviceTensor)[] {
  if (inputs.length !== expected.length) {
    throw new UserError(
      "argument",
      `run: expected ${expected.length} input(s) (${expected.map((tensor) => tensor.name).join(", ")}), got ${inputs.length}.`,
    );
  }
  return expected.map((tensor, i) => readInput(inputs[i]!, tensor, device));
}

function readInput(
  given: HostTensor | DeviceTensor,
  tensor: InterfaceTensor,
  device: Device,
): HostTensor | DeviceTensor {
  if (!(given instanceof DeviceTensor)) checkHostTensor(given, `run: input '${tensor.name}'`);
  const value = given instanceof DeviceTensor ? given : asInput(given, tensor);
  const dtype = graphDType(value.dtype);
  if (!sameShape(value.shape, tensor.shape) || dtype !== tensor.dtype) {
    throw new UserError(
      dtype === tensor.dtype ? "shape" : "dtype",
      `run: input '${tensor.name}' is ${given.dtype}${formatShape(value.shape)}, but the network was compiled for ${tensor.declared ?? tensor.dtype}${formatShape(tensor.shape)}. Compile again for other shapes.`,
    );
  }
  if (!(value instanceof DeviceTensor)) {
    checkRange(value, tensor);
    for (const check of tensor.indices ?? []) checkIndices(value.data, check);
  } else if (value.device !== device) {
    const [theirs, ours] = [value.device.name, device.name];
    const where = theirs === ours ? `another opening of ${ours}` : theirs;
    throw new UserError(
      "argument",
      `run: input '${tensor.name}' lives on ${where}, the network on ${ours}. Read it to the host first.`,
    );
  }
  return value;
}

/**
 * A host tensor as the input takes it. A Uint8Array does not say whether it is of bool or u8, so inputs of either take
 * both; of a bool, every byte but 0 is true.
 */
function asInput(value: HostTensor, { dtype, declared = dtype }: InterfaceTensor): HostTensor {
  if (value.dtype !== "bool" && value.dtype !== "u8") return value;
  const bytes = value.data as Uint8Array;
  if (declared === "u8") return { dtype: "u8", shape: value.shape, data: bytes };
  if (declared !== "bool" && value.dtype === "u8") return value;
  const isPlain = bytes.every((byte) => byte <= 1);
  return {
    dtype: "bool",
    shape: value.shape,
    data: isPlain ? bytes : bytes.map((byte) => (byte === 0 ? 0 : 1)),
  };
}

/** Devices hold narrow integers as i32, so callers may, too; but what does not fit would be computed with. */
function checkRange({ dtype, data }: HostTensor, { name, declared }: InterfaceTensor): void {
  const range = declared === undefined || declared === dtype ? undefined : narrowRange(declared);
  if (range === undefined) return;
  for (const value of data) {
    if (value < range[0] || value > range[1])
      throw new UserError(
        "dtype",
        `run: input '${name}' holds ${value}, but the model takes ${declared}, ${range[0]} to ${range[1]}.`,
      );
  }
}
