/**
 * Run by `devices.test.ts` in a process whose environment hides the drivers; the packages named as arguments
 * cannot be imported. Prints as JSON what asking for each device gives.
 */
import { register } from "node:module";

const hidden = process.argv.slice(2);
if (hidden.length > 0) {
  const hooks = `export async function resolve(specifier, context, next) {
    if (${JSON.stringify(hidden)}.includes(specifier)) throw new Error("Cannot find package '" + specifier + "'");
    return next(specifier, context);
  }`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}

const { compile, listDevices, nn, tensor } = await import("../../src/index.ts");

class Negative extends nn.Module {
  override forward(x: InstanceType<typeof nn.Tensor>): unknown {
    return x.neg();
  }
}

const inputs = [{ shape: [2] }];
const errors: Record<string, unknown> = {};
for (const device of ["webgpu", "opencl"] as const) {
  try {
    await compile(new Negative(), inputs, { device });
    errors[device] = { name: "none", code: "none", message: "it was there" };
  } catch (error) {
    const { name, code, message } = error as Error & { code: string };
    errors[device] = { name, code, message };
  }
}
const listing = await listDevices();
const missing = Object.fromEntries(listing.map((entry) => [entry.kind, entry.missing ?? "it is there"]));
const compiled = await compile(new Negative(), inputs);
const { data } = await compiled.run(tensor([1, 2]));
const { kind, reason } = compiled.report().data.device;
console.log(JSON.stringify({ errors, missing, automatic: { kind, reason, data: [...data] } }));
process.exit(0);
