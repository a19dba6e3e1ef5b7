import { TemplateError } from './values.ts';

/** Characters. A longer prompt fits no context. */
const MAX_TEXT = 16 * 1_024 * 1_024;
/** Nested evaluations, and nested lists of a value that is written or compared. */
const MAX_DEPTH = 400;
/** Characters that an operation copies in the time of one step. */
const COPIED = 16;
/** Characters that an operation only reads, or joins without a copy. */
const READ = 128;
/** Bits of a whole number. */
const MAX_BITS = 4_096n;
const LARGEST = 1n << MAX_BITS;

/** Counts the steps of one rendering. Each operation charges the size of its operands before it runs. */
export class Meter {
  readonly #maxSteps: number;
  #steps = 0;
  #depth = 0;

  constructor(maxSteps: number) {
    this.#maxSteps = maxSteps;
  }

  /** @throws TemplateError when the work is used up. */
  charge(steps: number): void {
    this.#steps += Math.ceil(steps);
    if (!(this.#steps <= this.#maxSteps)) throw new TemplateError('it needs too many steps');
  }

  /** Charges the making of a text. @throws TemplateError if it is too long. */
  copy(length: number): void {
    if (!(length <= MAX_TEXT)) throw new TemplateError(`it makes a text of more than ${MAX_TEXT} characters`);
    this.charge(length / COPIED);
  }

  /** Charges the reading of a text, or its joining with another. @throws TemplateError if it is too long. */
  read(length: number): void {
    if (!(length <= MAX_TEXT)) throw new TemplateError(`it makes a text of more than ${MAX_TEXT} characters`);
    this.charge(length / READ);
  }

  /** Charges a search. That of a JavaScript engine compares the wanted text again at each place, in the worst case. */
  search(text: string, wanted: string): void {
    const places = Math.max(0, text.length - wanted.length) + 1;
    this.charge((places * (1 + wanted.length / COPIED)) / READ);
  }

  /** Charges an operation on whole numbers. @throws TemplateError if a number is too large. */
  count(value: bigint): bigint {
    if (value > LARGEST || value < -LARGEST) throw new TemplateError(`it makes a number of more than ${MAX_BITS} bits`);
    return value;
  }

  /** Runs a part, one level deeper. @throws TemplateError if parts are nested too deeply. */
  nest<T>(run: () => T): T {
    this.charge(1);
    if (this.#depth >= MAX_DEPTH) throw new TemplateError('its parts are nested too deeply');
    this.#depth++;
    try {
      return run();
    } finally {
      this.#depth--;
    }
  }
}
