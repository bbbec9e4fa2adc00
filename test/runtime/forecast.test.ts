import { describe, expect, it } from "vitest";
import { Forecast } from "../../src/runtime/opencl/forecast.ts";

function clocked() {
  let time = 0;
  const forecast = new Forecast(() => time);
  return { forecast, pass: (ms: number) => void (time += ms) };
}

describe("forecast of a queue's waits", () => {
  it("expects nothing of an idle device, and anything of a list that never ran", () => {
    const { forecast } = clocked();
    expect(forecast.remainingMs).toBe(0);
    forecast.submitted({}, 1);
    expect(forecast.remainingMs).toBe(Infinity);
  });

  it("expects of a list what it took when it ran alone", () => {
    const { forecast, pass } = clocked();
    const list = {};
    forecast.submitted(list, 1);
    pass(5);
    forecast.finished(1);
    expect(forecast.remainingMs).toBe(0);
    forecast.submitted(list, 2);
    forecast.submitted(list, 3);
    expect(forecast.remainingMs).toBe(10);
    pass(4);
    expect(forecast.remainingMs).toBe(6);
    pass(40);
    expect(forecast.remainingMs).toBe(0);
  });

  it("does not learn from lists that ran together", () => {
    const { forecast, pass } = clocked();
    const list = {};
    forecast.submitted(list, 1);
    forecast.submitted(list, 2);
    pass(5);
    forecast.finished(2);
    forecast.submitted(list, 3);
    expect(forecast.remainingMs).toBe(Infinity);
  });

  it("keeps what was submitted after the command that finished", () => {
    const { forecast, pass } = clocked();
    const [first, second] = [{}, {}];
    forecast.submitted(first, 1);
    forecast.submitted(second, 2);
    pass(3);
    forecast.finished(1);
    expect(forecast.remainingMs).toBe(Infinity);
    forecast.finished(2);
    expect(forecast.remainingMs).toBe(0);
  });
});
