/** `npm run example -- NAME`: runs one of the examples beside this file. */
const examples = ["basic-block", "vgg-block", "image-classifier", "mlp-batch-norm"] as const;

const name = examples.find((example) => example === process.argv[2]);
if (name === undefined) {
  const asked = process.argv[2];
  console.error(`${asked === undefined ? "Which example?" : `There is no example '${asked}'.`} npm run example -- ${examples.join("|")}`); // prettier-ignore
  process.exitCode = 1;
} else {
  await import(`./${name}.ts`);
}

export {};
