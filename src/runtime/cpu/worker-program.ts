/**
 * What a worker runs, as text: Node starts it with `eval`, a page from a Blob, so that no bundler has to know
 * of a second file. Plain JavaScript that needs nothing of its host but WebAssembly and a `port` for messages.
 *
 * In: messages `{ number, received, memory?, control?, modules }`, the first with the memories. Out:
 * `{ number, error }` for each, once its kernels can run. Between messages it takes chunks (see
 * `thread-control.ts`).
 */
import { memoryModule, memoryName } from "../../codegen/wasm/abi.ts";
import { spinMs, wordCount, words } from "./thread-control.ts";

/** Which exports of a module are which kernels. */
export interface WorkerModule {
  readonly module: WebAssembly.Module;
  readonly kernels: readonly (readonly [number: number, exportName: string])[];
}

/** Caller to worker. */
export interface WorkerRequest {
  /** The reply has it, too. */
  readonly number: number;
  /** What `posted` is now that all messages to all workers up to this one are known to this worker. */
  readonly received: number;
  /** In the first request. */
  readonly memory?: WebAssembly.Memory;
  readonly control?: SharedArrayBuffer;
  readonly modules: readonly WorkerModule[];
}

/** Worker to caller. */
export interface WorkerReply {
  readonly number: number;
  readonly error?: string;
}

export const workerProgram = `
const words = ${JSON.stringify(words)};
const kernels = [];
let memory, control, received = 0, argumentsOf, values = [];

port.onmessage = ({ data }) => {
  received = data.received;
  const reply = { number: data.number };
  try {
    if (data.memory !== undefined) {
      memory = data.memory;
      control = new Int32Array(data.control);
    }
    for (const { module, kernels: named } of data.modules) {
      const imports = { ${memoryModule}: { ${memoryName}: memory } };
      const { exports } = new WebAssembly.Instance(module, imports);
      for (const [number, exportName] of named) kernels[number] = exports[exportName];
    }
  } catch (error) {
    reply.error = String(error);
  }
  port.postMessage(reply);
  if (control !== undefined) serve();
};

/** Takes chunks until a message waits, which only the event loop can deliver. */
function serve() {
  for (;;) {
    const seen = Atomics.load(control, words.wake);
    if (Atomics.load(control, words.posted) !== received) return;
    while (takeChunk());
    if (spin(seen)) continue;
    Atomics.add(control, words.sleepers, 1);
    Atomics.wait(control, words.wake, seen);
    Atomics.sub(control, words.sleepers, 1);
  }
}

function spin(seen) {
  const end = performance.now() + ${spinMs};
  do {
    for (let i = 0; i < 32; i++) if (Atomics.load(control, words.wake) !== seen) return true;
  } while (performance.now() < end);
  return false;
}

/** Whether there may be more. */
function takeChunk() {
  const ticket = Atomics.load(control, words.ticket);
  if (((Atomics.load(control, words.limit) - ticket) | 0) <= 0) return false;
  const run = kernels[control[words.kernel]];
  if (run === undefined) return false;
  if (Atomics.compareExchange(control, words.ticket, ticket, ticket + 1) !== ticket) return true;
  const first = control[words.firstTicket];
  if (argumentsOf !== first) {
    argumentsOf = first;
    values = Array.from(control.subarray(words.arguments, words.arguments + control[words.argumentCount]));
  }
  const chunk = (ticket - first) | 0, groups = control[words.groups], chunks = control[words.chunks];
  try {
    run(Math.floor((groups * chunk) / chunks), Math.floor((groups * (chunk + 1)) / chunks), ...values);
  } catch (error) {
    report(String(error));
  }
  Atomics.add(control, words.completed, 1);
  if (Atomics.load(control, words.callerSleeps) === 1) Atomics.notify(control, words.completed);
  return true;
}

/** Only the first error counts; a string, because decoders refuse views of shared memory. */
function report(text) {
  if (Atomics.compareExchange(control, words.failed, 0, 1) !== 0) return;
  const length = Math.min(text.length, ${wordCount} - words.error);
  for (let i = 0; i < length; i++) control[words.error + i] = text.charCodeAt(i);
  control[words.errorLength] = length;
}
`;
