/** Errors as callers see them: typed, with what was asked, expected and got, and how to mend it. */
import { expect } from "vitest";
import { compile, UserError, type UserErrorCode, type DeviceChoice } from "../../src/index.ts";
import { Forward, randomTensor } from "../api/networks.ts";

/** The UserError of `work`, which must have this code and say all of this. */
export async function expectUserError(
  work: () => unknown,
  code: UserErrorCode,
  ...says: readonly (string | RegExp)[]
): Promise<UserError> {
  let caught: unknown = "nothing was thrown";
  try {
    await work();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(UserError);
  const error = caught as UserError;
  expect(error.code, error.message).toBe(code);
  for (const part of says) expect(error.message).toMatch(part);
  return error;
}

/** Compiles and runs something new, which an earlier error must not have broken. */
export async function expectStillWorks(device: DeviceChoice): Promise<void> {
  await using compiled = await compile(new Forward((x) => x!.mul(2).relu()), [{ shape: [7] }], { device });
  const x = randomTensor([7]);
  expect([...(await compiled.run(x)).data]).toEqual([...x.data].map((value) => Math.max(0, 2 * value)));
}
