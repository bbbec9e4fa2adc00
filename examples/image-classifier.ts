/**
 * An image classifier's usual parts: a 7×7 convolution with stride 2, batch norm, ReLU, max pooling, flatten
 * and a linear layer. The same image is classified by every device there is.
 *
 *     npm run example -- image-classifier
 */
import { compile, listDevices, nn } from "heddle";

class ImageClassifier extends nn.Module {
  stem = new nn.Sequential(
    new nn.Conv2d(3, 32, 7, { stride: 2, padding: 3, bias: false }),
    new nn.BatchNorm2d(32),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
  );
  flatten = new nn.Flatten();
  classifier = new nn.Linear(32 * 16 * 16, 10);
  softmax = new nn.Softmax(1);

  override forward(image: nn.Tensor): nn.Tensor {
    return this.softmax.forward(this.classifier.forward(this.flatten.forward(this.stem.forward(image))));
  }
}

const net = new ImageClassifier().eval();
const shape = [1, 3, 64, 64];
const image = nn.init.uniform(shape, 1, nn.init.seededRandom(1));

for (const { kind, missing } of await listDevices()) {
  if (missing !== undefined) {
    console.log(`${kind} is not here: ${missing}\n`);
    continue;
  }
  const compiled = await compile(net, [{ shape, name: "image" }], { device: kind });
  const { data } = await compiled.run(image);
  const best = data.indexOf(Math.max(...data));
  if (kind === "cpu") console.log(`${String(compiled.report())}\n`);
  console.log(
    `${kind}: class ${best} with probability ${data[best]!.toFixed(6)}, in ${compiled.launches} launches\n`,
  );
  compiled.dispose();
}
