/** Counting sequences of words: TfIdfVectorizer over integers. */
import { natural } from "./constraints.ts";
import { concat } from "../../../nn/functional.ts";
import { integerTable, takeAlong } from "../../../nn/positions.ts";
import { toTensor, type Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { checkedLength } from "./checked-length.ts";

/** Sequences of one length: `words[k]` holds the k-th word of each. */
interface Sequences {
  readonly length: number;
  readonly words: readonly (readonly number[])[];
}

/** The pool holds all sequences of one word, then those of two, …; `starts` says where each length begins. */
function sequencesOf(node: OperatorNode): readonly Sequences[] {
  const starts = node.ints("ngram_counts", natural) ?? node.fail("file-format", "ngram_counts is missing.");
  // Words are compared with i32.
  const pool = node.ints("pool_int64s");
  if (pool === undefined || node.strings("pool_strings") !== undefined)
    return node.fail("unsupported", "a pool of strings is not supported.");
  return starts.map((start, i) => {
    const [length, part] = [i + 1, pool.slice(start, starts[i + 1] ?? pool.length)];
    if (part.length % length !== 0)
      return node.fail("file-format", `${part.length} words do not make sequences of ${length}.`);
    const words = Array.from({ length }, (_, k) => part.filter((_, at) => at % length === k));
    return { length, words };
  });
}

/** How often each sequence is in each row of `x [N, C]`, its words `step` apart: `[N, sequences]`. */
function occurrences(x: Tensor, { length, words }: Sequences, step: number): Tensor {
  const positions = x.shape[1]! - (length - 1) * step;
  const count = words[0]!.length;
  const matches = words.map((expected, k) => {
    const found = x.slice(1, k * step, k * step + positions).unsqueeze(2);
    return found.eq(integerTable(x, expected, [1, 1, count]));
  });
  return matches
    .reduce((a, b) => a.logicalAnd(b))
    .to("i32")
    .sum(1);
}

function counts(x: Tensor, sequences: Sequences, longestSkip: number): Tensor {
  // A single word is the same whatever is skipped after it.
  const steps = sequences.length === 1 ? 1 : longestSkip + 1;
  const fitting = Array.from({ length: steps }, (_, skip) => skip + 1).filter(
    (step) => x.shape[1]! - (sequences.length - 1) * step > 0,
  );
  return fitting.reduce<Tensor>(
    (sum, step) => sum.add(occurrences(x, sequences, step)),
    integerTable(x, [0], [1, 1]).expand(x.shape[0]!, sequences.words[0]!.length),
  );
}

function tfIdfVectorizer(node: OperatorNode): Tensor {
  const given = node.input(0).to("i32");
  const x = given.rank === 1 ? given.unsqueeze(0) : given;
  const [shortest, longest] = [node.int("min_gram_length", 1), node.int("max_gram_length", 1)];
  const longestSkip = checkedLength(node, node.int("max_skip_count", 0), "what is skipped");
  const mode = node.choice("mode", ["TF", "IDF", "TFIDF"], "TF");
  if (!(shortest >= 1 && longest >= shortest))
    return node.fail(
      "argument",
      `min_gram_length is ${shortest} and max_gram_length ${longest}, expected 1 or more, and no less.`,
    );
  const places = node.ints("ngram_indexes", natural) ?? node.fail("file-format", "ngram_indexes is missing.");
  const weights = node.floats("weights");
  const all = sequencesOf(node);
  const total = all.reduce((sum, { words }) => sum + words[0]!.length, 0);
  if (places.length !== total || (weights !== undefined && weights.length !== total))
    return node.fail("file-format", `${places.length} indices or weights for ${total} sequences.`);
  const found = concat(
    all.map((sequences) => {
      const isCounted = sequences.length >= shortest && sequences.length <= longest;
      const counted = counts(x, sequences, longestSkip);
      return isCounted ? counted : counted.mul(0);
    }),
    1,
  ).to("f32");
  // Result i is that of the sequence whose index is i, or 0, which is added as one more.
  const size = checkedLength(node, Math.max(...places) + 1, "the result");
  const order = Array.from({ length: size }, (_, i) => {
    const at = places.indexOf(i);
    return at < 0 ? total : at;
  });
  const weighted = scored(mode, found, weights);
  const result = takeAlong(weighted.pad([0, 1]), 1, order);
  return given.rank === 1 ? result.squeeze(0) : result;
}

function scored(mode: "TF" | "IDF" | "TFIDF", found: Tensor, weights: readonly number[] | undefined) {
  const factors = toTensor(found.trace, {
    dtype: "f32",
    shape: [found.shape[1]!],
    data: Float32Array.from(weights ?? new Array<number>(found.shape[1]!).fill(1)),
  });
  if (mode === "TF") return found;
  if (mode === "IDF") return found.gt(0).to("f32").mul(factors);
  return found.mul(factors);
}

export const ngrams: OperatorFamily = { TfIdfVectorizer: tfIdfVectorizer };
