/**
 * WGSL's own division may be 2.5 units off, so `div` of f32 is a call of a function. In: lanes. Out: the function, whose
 * body is `exactQuotient` in kernel IR.
 *
 *     fn heddle_divide(a: f32, b: f32) -> f32 { … }
 */
import { InternalError } from "../../errors.ts";
import { vectorOf } from "../kernel-ir.ts";
import { ref } from "../legalize/build-expr.ts";
import { exactQuotient } from "../legalize/exact-division.ts";
import { BlockBuilder, FreshNames } from "../legalize/map-kernel.ts";
import type { Lanes } from "../target.ts";
import { expressionWriter } from "../write-expression.ts";
import { divideName, wgslSpelling, wgslType } from "./spelling.ts";

const write = expressionWriter(wgslSpelling);

export function divideFunction(lanes: Lanes): readonly string[] {
  const type = vectorOf("f32", lanes);
  const block = new BlockBuilder(new FreshNames(["a", "b"]));
  const result = exactQuotient(ref("a", type), ref("b", type), block);
  const body = block.statements.map((statement) => {
    if (statement.kind !== "let") throw new InternalError(`wgsl division: unexpected ${statement.kind}`);
    return `  let ${statement.name} = ${write(statement.value)};`;
  });
  const name = wgslType(type);
  return [
    `// a / b, correctly rounded.`,
    `fn ${divideName(lanes)}(a: ${name}, b: ${name}) -> ${name} {`,
    ...body,
    `  return ${write(result)};`,
    "}",
    "",
  ];
}
