/**
 * A node's attributes as text, equal for two nodes exactly where their attributes are: what makes two nodes of
 * equal op and operands the same. Long constants are compared by identity.
 */
import { isHostTensor } from "./host-tensor.ts";

/** Constants longer than this are compared by identity. */
const comparedElements = 64;

/** @param identities numbers for long constants; texts can be compared if they were made with the same one */
export function attributesText(attributes: unknown, identities: Map<object, number>): string {
  return JSON.stringify(attributes, (_, value: unknown) => {
    if (typeof value === "number" && !Number.isFinite(value)) return String(value);
    if (Object.is(value, -0)) return "-0";
    if (!isHostTensor(value)) return value;
    if (value.data.length <= comparedElements) {
      return `${value.dtype}[${value.shape.join()}]${Array.from(value.data as ArrayLike<number>, (x) => (Object.is(x, -0) ? "-0" : String(x))).join()}`;
    }
    if (!identities.has(value.data)) identities.set(value.data, identities.size);
    return `data ${identities.get(value.data)}`;
  });
}
