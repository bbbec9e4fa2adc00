/**
 * OpenCL C functions by which the workers of a joined launch (`write-chain.ts`) wait for each other.
 *
 * `finish` counts a group that is done; `wait_for` returns once all are. Whoever sleeps has said so before it
 * looks again, and whoever finishes the last group looks for sleepers after it has counted it: no wake is lost.
 */

/** How often a worker looks whether the others have finished before it goes to sleep: some 30 µs. */
const turnsAwake = 1000;

/**
 * A worker whose core somebody else is using keeps the others waiting for a time slice, and those that spin
 * use up their own. So they sleep (futex is call 202; 128 and 129 are its private wait and wake), where that can
 * be said.
 */
export const waitForWorkers: readonly string[] = [
  "#if defined(__clang__) && defined(__x86_64__) && defined(__linux__)",
  '#define PAUSE() __asm__ volatile("pause")',
  "void futex(__global int* at, long what, long value) {",
  "  long result = 202;",
  '  __asm__ volatile("mov %4, %%r10; syscall" : "+a"(result) : "D"(at), "S"(what), "d"(value), "r"(0L) : "rcx", "r10", "r11", "memory");',
  "}",
  "#define SLEEP(at, seen) futex(at, 128, seen)",
  "#define WAKE(at) futex(at, 129, 0x7fffffff)",
  "#else",
  "#define PAUSE()",
  "#define SLEEP(at, seen)",
  "#define WAKE(at)",
  "#endif",
  "void wait_for(__global int* done, int all, __global int* asleep) {",
  "  for (int turn = 0;; turn++) {",
  "    const int seen = *(volatile __global int*)done;",
  "    if (seen >= all) break;",
  `    if (turn < ${turnsAwake}) {`,
  "      PAUSE();",
  "    } else {",
  "      atomic_inc(asleep);",
  "      SLEEP(done, seen);",
  "      atomic_dec(asleep);",
  "    }",
  "  }",
  "  atomic_add(done, 0);",
  "}",
  "void finish(__global int* done, int all, __global int* asleep) {",
  "  if (atomic_inc(done) == all - 1 && atomic_add(asleep, 0) > 0) WAKE(done);",
  "}",
];
