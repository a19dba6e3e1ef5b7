const SIZE = 624;
const SHIFT = 397;

/** The generator `mt19937` of C++, which llama-server draws with. */
export class MersenneTwister {
  readonly #state = new Uint32Array(SIZE);
  #at = SIZE;

  /** @param seed 0..2^32-1. */
  constructor(seed: number) {
    this.#state[0] = seed;
    for (let i = 1; i < SIZE; i++) {
      const last = this.#state[i - 1] as number;
      this.#state[i] = Math.imul(1_812_433_253, last ^ (last >>> 30)) + i;
    }
  }

  /** @returns the next number, 0..2^32-1. */
  next(): number {
    if (this.#at === SIZE) this.#twist();
    let value = this.#state[this.#at++] as number;
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c5680;
    value ^= (value << 15) & 0xefc60000;
    return (value ^ (value >>> 18)) >>> 0;
  }

  /** @returns the next double of `uniform_real_distribution` of GNU's library, 0 <= u < 1. */
  nextDouble(): number {
    const low = this.next();
    const wide = (low + this.next() * 2 ** 32) / 2 ** 64;
    return wide < 1 ? wide : 1 - 2 ** -53;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < SIZE; i++) {
      const mixed = ((state[i] as number) & 0x80000000) | ((state[(i + 1) % SIZE] as number) & 0x7fffffff);
      state[i] = (state[(i + SHIFT) % SIZE] as number) ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }
}
