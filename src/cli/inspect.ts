/** `heddle inspect`: what a model holds and what of it is supported, without compiling anything. */
import {
  inspectParsed,
  supportedOperators,
  type InspectedTensor,
  type OnnxInspection,
} from "../import/onnx/inspect.ts";
import { importParsed } from "../import/onnx/model.ts";
import { parseOnnxFile } from "../import/onnx/open-onnx.ts";
import { formatBytes } from "../report.ts";
import type { InspectArguments } from "./arguments.ts";
import { readConstants } from "./read-inputs.ts";

/** @returns whether the model can run, as far as that is known without compiling it */
export async function inspectCommand(args: InspectArguments): Promise<boolean> {
  const { model, shapes, constants: files, json } = args;
  if (model === undefined) {
    const names = supportedOperators();
    if (json) {
      console.log(JSON.stringify(names));
      return true;
    }
    console.log(`${names.length} ONNX operators are supported:\n${inColumns(names, 80)}`);
    return true;
  }
  const { parsed, externalData } = await parseOnnxFile(model);
  const constants = files.length === 0 ? {} : readConstants(constantInputs(parsed, externalData), files);
  const inspection = inspectParsed(parsed, { externalData, shapes, constants });
  console.log(json ? JSON.stringify(inspection, undefined, 2) : describeModel(model, inspection));
  return remaining(inspection).length === 0;
}

function constantInputs(
  parsed: Parameters<typeof importParsed>[0],
  externalData: Parameters<typeof importParsed>[1],
) {
  const { inputs, overridable } = importParsed(parsed, externalData);
  return [...inputs, ...overridable];
}

/** What is not supported whatever is given. */
function remaining({ unsupported, settledByConstants }: OnnxInspection): OnnxInspection["unsupported"] {
  return unsupported
    .map((entry) => ({ ...entry, nodes: entry.nodes.filter((name) => !settledByConstants.includes(name)) }))
    .filter(({ nodes }) => nodes.length > 0);
}

function describeModel(path: string, inspection: OnnxInspection): string {
  const { opset, producer, inputs, outputs, operators, multiplyAdds } = inspection;
  const unsupported = remaining(inspection);
  const nodes = operators.reduce((sum, { count }) => sum + count, 0);
  const width = Math.max(...operators.map(({ name }) => name.length), 0);
  const by = producer === "" ? "" : `, written by ${producer}`;
  return [
    `${path}: operator set ${opset}${by}`,
    "",
    "Inputs",
    ...inputs.map(describeTensor),
    "Outputs",
    ...outputs.map(describeTensor),
    "",
    `Parameters: ${inspection.parameterCount.toLocaleString("en")} (${formatBytes(inspection.parameterBytes)})`,
    `Multiply-adds a run: ${multiplyAdds === undefined ? "unknown" : multiplyAdds.toLocaleString("en")}${multiplyAdds === undefined && unsupported.length === 0 ? " (give the symbolic dimensions with --shape NAME=SIZE, inputs that shapes depend on with --constant NAME=FILE)" : ""}`,
    "",
    `Operators: ${operators.length} in ${nodes} nodes`,
    ...operators.map(({ name, count, supported, reason }) =>
      `  ${String(count).padStart(5)}  ${name.padEnd(width)}${supported ? "" : `  ✗ ${reason ?? "not supported"}`}`.trimEnd(),
    ),
    "",
    ...describeSupport(unsupported),
    ...describeBranches(inspection),
  ].join("\n");
}

function describeSupport(unsupported: OnnxInspection["unsupported"]): string[] {
  if (unsupported.length === 0) return ["Every operator is supported."];
  return [
    "Not supported",
    ...unsupported.map(({ operator, nodes, reason }) => {
      const shown = nodes.slice(0, 5).join(", ") + (nodes.length > 5 ? ` and ${nodes.length - 5} more` : "");
      return `  ${operator}: ${reason} (${shown})`;
    }),
  ];
}

function describeBranches({ constantsWanted, unsupportedInBranches }: OnnxInspection): string[] {
  return [
    ...(constantsWanted.length === 0
      ? []
      : [
          "",
          `Branches or loops depend on the input${constantsWanted.length === 1 ? "" : "s"} ${constantsWanted.join(", ")}: say with what values to compile, ${constantsWanted.map((name) => `--constant ${name}=VALUE`).join(" ")}`,
        ]),
    ...(unsupportedInBranches.length === 0
      ? []
      : [
          "",
          "In branches and loops, which matters only where they are taken",
          ...describeSupport(unsupportedInBranches),
        ]),
  ];
}

function describeTensor({ name, elementType, shape }: InspectedTensor): string {
  return `  ${name}  ${elementType}[${shape?.join(", ") ?? "any shape"}]`;
}

/** Names side by side, sorted down the columns. */
function inColumns(names: readonly string[], lineWidth: number): string {
  const width = Math.max(...names.map((name) => name.length)) + 2;
  const columns = Math.max(1, Math.floor(lineWidth / width));
  const rows = Math.ceil(names.length / columns);
  return Array.from({ length: rows }, (_, row) =>
    `  ${Array.from({ length: columns }, (__, column) => (names[column * rows + row] ?? "").padEnd(width)).join("")}`.trimEnd(),
  ).join("\n");
}
