/** Taking positions along an axis that are known while importing. */
export { takeAlong } from "../../../nn/take-along.ts";
