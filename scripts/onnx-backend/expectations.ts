/** What is known of single backend tests: which are refused by design, and which were recorded with little precision. */

type Reasons = readonly (readonly [reason: string, cases: RegExp])[];

const refusals: Reasons = [
  ["control flow", /^node\/scan/],
  [
    "sequences and optional values that go in or out",
    /^node\/(optional_|sequence_|(identity|if)_(opt|seq|sequence)$|loop1[36]_seq)/,
  ],
  ["strings", /^(node\/(cast(like)?_.*STRING|strnormalizer)|simple\/strnorm)/],
  ["shapes that depend on data", /^node\/(nonmaxsuppression|unique)_/],
  ["random numbers", /^node\/(bernoulli|training_dropout_?(default|default_mask|mask)?$)/],
  [
    "operators for training, of another domain",
    /^(node\/(adagrad|adam|momentum|nesterov_momentum)(_multiple)?$|simple\/gradient_)/,
  ],
  [
    "f64 values that f32 does not hold",
    /^pytorch-operator\/operator_(add_broadcast|add_size1_(right|singleton)_broadcast|addconstant)$/,
  ],
  [
    "a recorded input [1] that the model itself declares as [3,4]",
    /^node\/castlike_(BFLOAT16_to_FLOAT|FLOAT_to_BFLOAT16)(_expanded)?$/,
  ],
];

const imprecise: Reasons = [
  ["windows of 3.1415 for π", /^node\/(blackman|hamming|hann)window/],
  ["results written with four digits", /^node\/roialign_/],
];

const reasonIn = (reasons: Reasons, id: string): string | undefined =>
  reasons.find(([, cases]) => cases.test(id))?.[0];

/** Why a case is expected to be refused; undefined where it should pass. */
export function expectedRefusal(id: string): string | undefined {
  return reasonIn(refusals, id);
}

/** Why a case is compared within ONNX's tolerance alone; undefined where ours is kept, too. */
export function imprecision(id: string): string | undefined {
  return reasonIn(imprecise, id);
}

/** Reasons that no case of these has: what became supported, or is named wrongly. */
export function unusedReasons(ids: readonly string[]): readonly string[] {
  return [...refusals, ...imprecise]
    .filter(([, cases]) => !ids.some((id) => cases.test(id)))
    .map(([reason]) => reason);
}
