/**
 * Every attribute of every recorded operator, forged: names that are none, numbers of more than 32 bits, outputs that
 * are left out. Whoever adds an operator or an attribute is in these checks without writing one.
 */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { importOnnx } from "../../src/import/onnx/model.ts";
import {
  AttributeProto_AttributeType as AttributeType,
  ModelProtoSchema,
  type AttributeProto,
  type ModelProto,
  type NodeProto,
} from "../../src/import/onnx/schema/onnx_pb.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { graphTensor } from "../../src/ir/trace.ts";
import { loadOnnxCases, type OnnxCase } from "../recordings/onnx-cases.ts";

const cases = loadOnnxCases();

/** What importing and tracing throws; undefined where the model is accepted. */
function thrownBy(model: Uint8Array): unknown {
  try {
    traceOnnx(importOnnx(model));
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The model with one attribute of one node changed. */
function forged(model: Uint8Array, at: Place, change: (attribute: AttributeProto) => void): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, model);
  change(proto.graph!.node[at.node]!.attribute[at.attribute]!);
  return toBinary(ModelProtoSchema, proto);
}

interface Place {
  readonly node: number;
  readonly attribute: number;
}

function* attributesOf(item: OnnxCase): Generator<readonly [Place, AttributeProto, NodeProto]> {
  const { graph } = fromBinary(ModelProtoSchema, item.model);
  for (const [node, proto] of graph!.node.entries())
    for (const [attribute, given] of proto.attribute.entries()) yield [{ node, attribute }, given, proto];
}

/** One case for each attribute of each operator is enough, and the first one is taken. */
function* everyAttribute(type: AttributeType): Generator<readonly [string, OnnxCase, Place, AttributeProto]> {
  const seen = new Set<string>();
  for (const item of cases) {
    for (const [place, attribute, node] of attributesOf(item)) {
      const name = `${node.opType}.${attribute.name}`;
      if (attribute.type !== type || seen.has(name)) continue;
      seen.add(name);
      yield [name, item, place, attribute];
    }
  }
}

const encode = (text: string) => new TextEncoder().encode(text);

describe("a name that is none", () => {
  const attributes = [...everyAttribute(AttributeType.STRING)];
  const lists = [...everyAttribute(AttributeType.STRINGS)];

  it("is tried in every operator that takes names", () => {
    expect(attributes.length).toBeGreaterThan(15);
    expect(lists.length).toBeGreaterThan(0);
  });

  it.each(attributes)("is refused: %s", (_, item, place) => {
    for (const text of ["__proto__", "constructor", "toString", "x", "", "0"]) {
      const error = thrownBy(forged(item.model, place, (attribute) => (attribute.s = encode(text))));
      expect(error, text).toBeInstanceOf(UserError);
    }
  });

  it.each(lists)("is refused in a list: %s", (_, item, place) => {
    for (const text of ["__proto__", "constructor", "x"]) {
      const error = thrownBy(
        forged(
          item.model,
          place,
          (attribute) => (attribute.strings = attribute.strings.map(() => encode(text))),
        ),
      );
      expect(error, text).toBeInstanceOf(UserError);
    }
  });

  it("is read by no operator but through the list of those there are", () => {
    const folder = new URL("../../src/import/onnx/operators/", import.meta.url);
    const read = readdirSync(folder).flatMap((file) => [
      ...readFileSync(new URL(file, folder), "utf8").matchAll(/\.string\("(\w+)"/g),
    ]);
    // An equation has a grammar of its own, and the names of types are looked up where they are read.
    expect([...new Set(read.map(([, name]) => name))].sort()).toEqual(["equation", "to"]);
  });
});

/** Integers of any size are allowed, or nothing depends on them. */
const ofAnySize = new Set([
  "Constant.value_int",
  "Constant.value_ints",
  "NegativeLogLikelihoodLoss.ignore_index",
  "SoftmaxCrossEntropyLoss.ignore_index",
  "Shape.start",
  "Shape.end",
  "Slice.starts",
  "Slice.ends",
]);

describe("an integer of more than 32 bits", () => {
  const single = [...everyAttribute(AttributeType.INT)].filter(([name]) => !ofAnySize.has(name));
  const lists = [...everyAttribute(AttributeType.INTS)].filter(
    ([name, , , { ints }]) => !ofAnySize.has(name) && !name.endsWith(".consumed_inputs") && ints.length > 0,
  );

  it("is tried in every operator that takes integers", () => {
    expect(single.length).toBeGreaterThan(80);
    expect(lists.length).toBeGreaterThan(20);
  });

  it.each(single)("is not cut: %s", (name, item, place) => {
    for (const more of [2n ** 32n, -(2n ** 32n), 2n ** 62n])
      expect(
        thrownBy(forged(item.model, place, (attribute) => (attribute.i += more))),
        `${name} + ${more}`,
      ).toBeInstanceOf(UserError);
  });

  it.each(lists)("is not cut in a list: %s", (name, item, place) => {
    expect(
      thrownBy(forged(item.model, place, (attribute) => (attribute.ints[0]! += 2n ** 32n))),
      name,
    ).toBeInstanceOf(UserError);
  });
});

/** The results by the reference semantics. */
function resultsOf(model: Uint8Array, { inputs }: OnnxCase): Readonly<Record<string, HostTensor>> {
  const { graph, stored } = traceOnnx(importOnnx(model));
  const values = new Map(Object.entries(inputs));
  for (const [name, parameter] of stored) values.set(name, parameter.value);
  return evaluate(
    graph,
    Object.fromEntries([...values].map(([name, value]) => [name, graphTensor(value, name)])),
  );
}

/** The model with one output, the others left out as `leave` does it. */
function withOneOutput(model: Uint8Array, leave: (proto: ModelProto) => void): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, model);
  leave(proto);
  return toBinary(ModelProtoSchema, proto);
}

describe("outputs that are left out", () => {
  const several = cases.filter((item) => {
    const { graph } = fromBinary(ModelProtoSchema, item.model);
    const [first, ...others] = graph!.node;
    // What training makes is asked for by naming it, and what is split by how many parts are named.
    const counts = ["BatchNormalization", "Split"].includes(first?.opType ?? "");
    return others.length === 0 && graph!.output.length > 1 && !counts;
  });
  const names = [...new Set(several.map(({ operator }) => operator))];

  it("are those of every operator that has several", () => {
    expect(names).toEqual(expect.arrayContaining(["LSTM", "GRU", "MaxPool", "LayerNormalization", "TopK"]));
  });

  it.each(several.map((item) => [item.id, item] as const))(
    "change nothing in those that are kept: %s",
    (_, item) => {
      const whole = resultsOf(item.model, item);
      const { graph } = fromBinary(ModelProtoSchema, item.model);
      const outputs = graph!.node[0]!.output;
      for (const kept of outputs.filter((name) => Object.hasOwn(whole, name))) {
        const model = withOneOutput(item.model, ({ graph: changed }) => {
          const node = changed!.node[0]!;
          node.output = node.output.map((name) => (name === kept ? name : ""));
          changed!.output = changed!.output.filter(({ name }) => name === kept);
        });
        expect(resultsOf(model, item)).toEqual({ [kept]: whole[kept] });
      }
      const [first = ""] = outputs;
      const shorter = withOneOutput(item.model, ({ graph: changed }) => {
        changed!.node[0]!.output = [first];
        changed!.output = changed!.output.filter(({ name }) => name === first);
      });
      if (Object.hasOwn(whole, first)) expect(resultsOf(shorter, item)).toEqual({ [first]: whole[first] });
    },
  );
});
