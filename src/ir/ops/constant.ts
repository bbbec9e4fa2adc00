/** Values known when the graph is built. */
import { UserError } from "../../errors.ts";
import { isDType, type DType } from "../dtype.ts";
import type { HostTensor } from "../host-tensor.ts";
import { tensorType } from "../tensor-type.ts";
import { expectOperands } from "./check.ts";
import type { OpFamily } from "./op.ts";

export interface ConstantOps {
  constant: { readonly value: HostTensor<DType> };
}

export const constantOps: OpFamily<ConstantOps> = {
  constant: {
    kind: "constant",
    vjp: "none",
    infer(operands, { value }) {
      expectOperands("constant", operands, 0);
      if (!isDType(value.dtype))
        throw new UserError("dtype", `constant: dtype ${String(value.dtype)} is not computed with.`);
      return [tensorType(value.dtype, value.shape)];
    },
    evaluate: (_, { value }) => [value],
  },
};
