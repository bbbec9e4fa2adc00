/** Images to tensors: channels, scale, mean, deviation, layout; formats and damage. */
import { crc32 } from "node:zlib";
import { encode as encodePng } from "fast-png";
import { zlibSync } from "fflate";
import jpeg from "jpeg-js";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { decodeImage, imageTensor, type Image } from "../../src/import/image.ts";
import { tensor } from "../../src/ir/host-tensor.ts";
import { seededRandom } from "../../src/nn/init.ts";

const plain = { layout: "NCHW", scale: 1, mean: [0], std: [1] } as const;

/** Two pixels: orange and a dark blue. */
const rgb: Image = { width: 2, height: 1, channels: 3, pixels: Uint8Array.of(255, 128, 0, 10, 20, 30) };

describe("imageTensor", () => {
  test("puts channels first or last", () => {
    expect(imageTensor(rgb, { ...plain, channels: 3 })).toEqual(
      tensor([255, 10, 128, 20, 0, 30], [1, 3, 1, 2]),
    );
    expect(imageTensor(rgb, { ...plain, channels: 3, layout: "NHWC" })).toEqual(
      tensor([255, 128, 0, 10, 20, 30], [1, 1, 2, 3]),
    );
  });

  test("scales, subtracts and divides, by one number or one for each channel", () => {
    const options = { ...plain, channels: 3, scale: 0.5, mean: [1, 2, 3], std: [2] };
    expect(imageTensor(rgb, options).data).toEqual(Float32Array.of(63.25, 2, 31, 4, -1.5, 6));
    expect(() => imageTensor(rgb, { ...plain, channels: 3, mean: [1, 2] })).toThrow(
      /mean has 2 numbers for 3 channel/,
    );
  });

  test("makes grey of colours, colours of grey, and adds and drops alpha", () => {
    const grey: Image = { width: 1, height: 1, channels: 1, pixels: Uint8Array.of(7) };
    const greyAlpha: Image = { width: 1, height: 1, channels: 2, pixels: Uint8Array.of(7, 99) };
    const rgba: Image = { width: 1, height: 1, channels: 4, pixels: Uint8Array.of(1, 2, 3, 99) };
    const elements = (image: Image, channels: number) => [...imageTensor(image, { ...plain, channels }).data];
    expect(elements(rgb, 1)[0]).toBeCloseTo(0.299 * 255 + 0.587 * 128, 4);
    expect(elements(grey, 3)).toEqual([7, 7, 7]);
    expect(elements(grey, 4)).toEqual([7, 7, 7, 255]);
    expect(elements(greyAlpha, 4)).toEqual([7, 7, 7, 99]);
    expect(elements(rgba, 3)).toEqual([1, 2, 3]);
    expect(elements(rgba, 4)).toEqual([1, 2, 3, 99]);
    expect(() => elements(rgb, 2)).toThrow(/2 channels are asked for/);
  });
});

describe("decodeImage", () => {
  test.each([1, 2, 3, 4])("PNG with %d channels", async (channels) => {
    const pixels = Uint8Array.from({ length: 6 * channels }, (_, i) => i * 9);
    const bytes = encodePng({ width: 3, height: 2, channels, data: pixels });
    expect(await decodeImage(bytes, "x.png")).toEqual({ width: 3, height: 2, channels, pixels });
  });

  test("PNG with 16 bits keeps more than 256 levels, from 0 to 255", async () => {
    const data = Uint16Array.of(0, 1, 257, 65535);
    const image = await decodeImage(
      encodePng({ width: 2, height: 2, channels: 1, depth: 16, data }),
      "x.png",
    );
    expect(image.pixels).toEqual(Float32Array.of(0, 1 / 257, 1, 255));
  });

  test("PNG with one bit a pixel", async () => {
    // A checkerboard, written by hand: rows of 0b10100000 and 0b01000000.
    const bytes = encodePng({ width: 3, height: 2, channels: 1, depth: 1, data: Uint8Array.of(0xa0, 0x40) });
    const { pixels } = await decodeImage(bytes, "x.png");
    expect([...pixels]).toEqual([255, 0, 255, 0, 255, 0]);
  });

  test("JPEG, within what its quantisation leaves", async () => {
    const data = new Uint8Array(16 * 16 * 4).map((_, i) => (i % 4 === 3 ? 255 : (i % 4) * 60 + 40));
    const image = await decodeImage(jpeg.encode({ width: 16, height: 16, data }, 95).data, "x.jpg");
    expect(image).toMatchObject({ width: 16, height: 16, channels: 3 });
    [40, 100, 160].forEach((value, channel) =>
      expect(Math.abs(image.pixels[channel]! - value)).toBeLessThan(4),
    );
  });

  test("refuses other formats and impossible sizes", async () => {
    await expect(decodeImage(Uint8Array.of(71, 73, 70), "x.gif")).rejects.toThrow(
      /'x.gif' is neither a PNG nor a JPEG/,
    );
    const huge = encodePng({ width: 1, height: 1, channels: 1, data: Uint8Array.of(0) });
    new DataView(huge.buffer, huge.byteOffset).setUint32(16, 2 ** 30);
    await expect(decodeImage(huge, "x.png")).rejects.toThrow(/is 1073741824 by 1; expected at most/);
  });

  test("damaged files give an image or a UserError, nothing else", async () => {
    const random = seededRandom(3);
    const data = new Uint8Array(16 * 16 * 4).map((_, i) => (i * 31) % 256);
    const files = [
      encodePng({ width: 16, height: 16, channels: 4, data }),
      new Uint8Array(jpeg.encode({ width: 16, height: 16, data }, 80).data),
    ];
    let refused = 0;
    for (let round = 0; round < 400; round++) {
      const damaged = files[round % 2]!.slice();
      // The signature stays, and the size of a JPEG: what is decoded is small.
      for (let flips = round % 3; flips >= 0; flips--) {
        const at = 24 + Math.floor(random() * (damaged.length - 24));
        damaged[at]! ^= 1 << Math.floor(random() * 8);
      }
      try {
        await decodeImage(round % 5 === 0 ? damaged.subarray(0, 40 + round) : damaged, "x");
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});

describe("a JPEG file that says it is larger than its bytes can hold", () => {
  const encoded = (width: number, height: number): Buffer =>
    jpeg.encode({ width, height, data: Buffer.alloc(4 * width * height, 200) }, 50).data;
  /** The same file with another size in its frame header. */
  function resized(file: Buffer, width: number, height: number): Buffer {
    const changed = Buffer.from(file);
    const frame = changed.indexOf(Uint8Array.of(0xff, 0xc0));
    changed.writeUInt16BE(height, frame + 5);
    changed.writeUInt16BE(width, frame + 7);
    return changed;
  }

  test.each([
    [8000, 8000],
    [65535, 1000],
    [1000, 60000],
  ])("is refused at once: %d by %d", async (width, height) => {
    const start = performance.now();
    await expect(decodeImage(resized(encoded(40, 40), width, height), "x.jpg")).rejects.toThrow(
      new RegExp(`said to be ${width} by ${height}, which its \\d+ bytes cannot hold`),
    );
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test("is not one of a single colour", async () => {
    const { width, height } = await decodeImage(encoded(2000, 1000), "x.jpg");
    expect([width, height]).toEqual([2000, 1000]);
  });
});

describe("a PNG file that unpacks to more than its pixels", () => {
  /** 10 by 10 pixels of 8 bits, and so many zeros. */
  function bomb(length: number): Uint8Array {
    const chunk = (type: string, data: Uint8Array): Buffer => {
      const bytes = Buffer.alloc(12 + data.length);
      bytes.writeUInt32BE(data.length, 0);
      bytes.write(type, 4, "latin1");
      bytes.set(data, 8);
      bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
      return bytes;
    };
    const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10);
    const header = Uint8Array.of(0, 0, 0, 10, 0, 0, 0, 10, 8, 0, 0, 0, 0);
    const data = zlibSync(new Uint8Array(length), { level: 9 });
    return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", new Uint8Array())]);
  } // prettier-ignore

  test("is refused before it is unpacked whole", async () => {
    const file = bomb(200_000_000);
    const before = process.memoryUsage().rss;
    await expect(decodeImage(file, "x.png")).rejects.toThrow(/unpacks to more than \d+ bytes, but is said to be 10 by 10/);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 26);
  }); // prettier-ignore

  test("is not one of its own size, interlaced or large", async () => {
    expect((await decodeImage(bomb(110), "x.png")).width).toBe(10);
    const [width, height] = [3000, 2000];
    const data = new Uint8Array(width * height * 3);
    for (let i = 0; i < data.length; i += 1000) data[i] = i % 251;
    const { pixels } = await decodeImage(encodePng({ width, height, channels: 3, data }), "x.png");
    expect(Buffer.compare(pixels as Uint8Array, data)).toBe(0);
  });
});
