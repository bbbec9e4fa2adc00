/** Draws digits side by side in a terminal, two characters a pixel, shades for grey. */
import type { Digits } from "./load.ts";

const shades = ["  ", "░░", "▒▒", "▓▓", "██"];
const gap = "  ";

/** A few images with what the network says and what they are. */
export function drawDigits(
  digits: Digits,
  images: readonly number[],
  predictions: readonly number[],
): string {
  const { rows, columns } = digits;
  const width = columns * 2;
  const lines = Array.from({ length: rows }, (_, row) =>
    images.map((image) => drawRow(digits, image, row)).join(gap),
  );
  const captions = images.map((image) => {
    const said = predictions[image]!;
    const label = digits.labels[image]!;
    return (said === label ? `${said} ✓` : `${said} ✗ (is ${label})`).padEnd(width);
  });
  return [...lines, captions.join(gap)].map((line) => `  ${line}`.trimEnd()).join("\n");
}

function drawRow({ rows, columns, pixels }: Digits, image: number, row: number): string {
  const start = (image * rows + row) * columns;
  return Array.from(
    pixels.subarray(start, start + columns),
    (pixel) => shades[Math.round((pixel / 255) * 4)],
  ).join("");
}

/** Some that were right, then some that were not. */
export function pickDigits(
  digits: Digits,
  predictions: readonly number[],
  right: number,
  wrong: number,
): number[] {
  const images = predictions.map((_, image) => image);
  const isRight = (image: number): boolean => predictions[image] === digits.labels[image];
  return [
    ...images.filter(isRight).slice(0, right),
    ...images.filter((image) => !isRight(image)).slice(0, wrong),
  ];
}
