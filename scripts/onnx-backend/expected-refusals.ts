/** Cases of ONNX's backend tests that are refused by design, and why. */

const reasons: readonly (readonly [reason: string, cases: RegExp])[] = [];

/** Why a case is expected to be refused; undefined where it should pass. */
export function expectedRefusal(id: string): string | undefined {
  return reasons.find(([, cases]) => cases.test(id))?.[0];
}
