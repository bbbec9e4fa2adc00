/**
 * A VGG block (Simonyan & Zisserman, 2014) with batch norm: convolutions with a bias, each followed by batch
 * norm and ReLU, then max pooling. Shows one kernel for each convolution, with no trace of bias or batch norm
 * as steps of their own.
 *
 *     npm run example -- vgg-block
 */
import { compile, nn } from "heddle";

function vggBlock(inChannels: number, outChannels: number, convolutions: number): nn.Sequential {
  const layers = Array.from({ length: convolutions }, (_, i) => [
    new nn.Conv2d(i === 0 ? inChannels : outChannels, outChannels, 3, { padding: 1 }),
    new nn.BatchNorm2d(outChannels),
    new nn.ReLU(),
  ]);
  return new nn.Sequential(...layers.flat(), new nn.MaxPool2d(2));
}

const shape = [1, 3, 32, 32];
const compiled = await compile(vggBlock(3, 64, 2).eval(), [{ shape, name: "image" }]);
const { shape: outputShape } = await compiled.run(nn.init.uniform(shape, 1, nn.init.seededRandom(1)));

console.log(String(compiled.report()));
console.log(`\n[${shape.join(", ")}] became [${outputShape.join(", ")}] in ${compiled.launches} launches.`);
const convolution = compiled.kernels.find((kernel) => kernel.launches > 0);
console.log(`\nThe end of ${convolution!.name}, in ${convolution!.language}:\n`);
console.log(convolution!.source.split("\n").slice(-14).join("\n"));
compiled.dispose();
