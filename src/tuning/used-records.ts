/** Records in use for one program on one device, and an account of what they were used for. */
import type { Choices, Decision } from "../passes/decision.ts";
import type { Device } from "../runtime/device.ts";
import type { TuningRecords } from "./records.ts";

export class UsedRecords {
  readonly choices: Choices;
  /** Takes down a decision of the passes. */
  readonly count = (decision: Decision, choice: string): void => {
    this.#taken.set(decision.signature, { decision, choice });
  };
  readonly #taken = new Map<string, { readonly decision: Decision; readonly choice: string }>();

  constructor(
    readonly records: TuningRecords,
    readonly device: Device,
    /** Entries that are new. */
    readonly measured = 0,
    readonly note?: string,
  ) {
    this.choices = records.choicesFor(device);
  }

  report() {
    const taken = [...this.#taken.values()];
    const isUsed = ({ decision, choice }: (typeof taken)[number]) =>
      this.choices.get(decision.signature) === choice;
    return {
      decisions: taken.length,
      used: taken.filter(isUsed).length,
      overruled: taken.filter(({ decision, choice }) => choice !== decision.candidates[0]).length,
      measured: this.measured,
      otherDevices: this.records
        .othersThan(this.device)
        .map(
          ({ kind, name, driver, computeUnits, compiler }) =>
            `${name} (${kind}: ${driver}; ${computeUnits} compute units; heddle ${compiler})`,
        ),
      note: this.note,
    };
  }
}
