import { openModule } from '../base/wasm-code.ts';
import {
  BLOCK_BYTES,
  CONSTANTS_AT,
  INPUT_AT,
  LANES_SCHEDULE_AT,
  LANES_STATE_AT,
  ROUNDS,
  STATE_AT,
  STATE_WORDS,
  writeHashBlocks,
  writeHashLanes,
} from './sha256-code.ts';

const LANES = 4;
const KEY_BYTES = 32;
const PAGE_BYTES = 2 ** 16;
/** Bytes of a message that are hashed at once, in whole blocks. The padding may need one block more. */
const INPUT_BYTES = PAGE_BYTES - INPUT_AT - BLOCK_BYTES;
/** Bytes of a message's length in bits, which end its last block. */
const LENGTH_BYTES = 8;

/** Numbers whose hashes are computed in one call. */
export const NUMBERED = 32;

export interface Sha256Kernel {
  /** SHA-256 of the concatenation of the parts, 32 bytes. */
  hash(parts: readonly Uint8Array[]): Uint8Array;
  /**
   * Computes the first words of SHA-256(key || u32be(number)) for NUMBERED numbers from `first` on.
   * @param key 32 bytes.
   * @param first a multiple of NUMBERED, below 2^32.
   * @param out u32[NUMBERED], overwritten.
   */
  hashNumbers(key: Uint8Array, first: number, out: Uint32Array): void;
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  hashBlocks(at: number, end: number): void;
  hashLanes(): void;
}

/** Computes the first 32 bits of the fraction of a prime's root (FIPS 180-4, sections 4.2.2 and 5.3.3). */
function computeFraction(prime: number, degree: 2 | 3): number {
  const scaled = BigInt(prime) << BigInt(32 * degree);
  let root = BigInt(Math.floor(prime ** (1 / degree) * 2 ** 32));
  while (root ** BigInt(degree) > scaled) root--;
  while ((root + 1n) ** BigInt(degree) <= scaled) root++;
  return Number(BigInt.asUintN(32, root));
}

function listPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let next = 2; primes.length < count; next++) {
    if (primes.every((prime) => next % prime !== 0)) primes.push(next);
  }
  return primes;
}

let found: { readonly kernel: Sha256Kernel | undefined } | undefined;

/** Finds SHA-256 in WebAssembly, opened at the first call. @returns undefined on a host that cannot or may not run it. */
export function findSha256Kernel(): Sha256Kernel | undefined {
  found ??= { kernel: openSha256Kernel() };
  return found.kernel;
}

function openSha256Kernel(): Sha256Kernel | undefined {
  const exports = openModule([writeHashBlocks(), writeHashLanes()], 1) as Exports | undefined;
  if (exports === undefined) return undefined;
  const { memory, hashBlocks, hashLanes } = exports;
  const { buffer } = memory;
  const primes = listPrimes(ROUNDS);
  new Uint32Array(buffer, CONSTANTS_AT, ROUNDS).set(primes.map((prime) => computeFraction(prime, 3)));
  const fresh = Uint32Array.from(primes.slice(0, STATE_WORDS), (prime) => computeFraction(prime, 2));
  const freshLanes = Uint32Array.from(
    { length: LANES * STATE_WORDS },
    (_, i) => fresh[Math.floor(i / LANES)] as number,
  );
  const state = new Uint32Array(buffer, STATE_AT, STATE_WORDS);
  const lanesState = new Uint32Array(buffer, LANES_STATE_AT, LANES * STATE_WORDS);
  const lanesBlock = new Uint32Array(buffer, LANES_SCHEDULE_AT, LANES * (BLOCK_BYTES / 4));
  const input = new Uint8Array(buffer, INPUT_AT);
  const view = new DataView(buffer);
  let filled = 0;

  const hashInput = (bytes: number): void => {
    hashBlocks(INPUT_AT, INPUT_AT + bytes);
    filled = 0;
  };
  const append = (part: Uint8Array): void => {
    for (let from = 0; from < part.length; ) {
      const taken = Math.min(part.length - from, INPUT_BYTES - filled);
      input.set(taken === part.length ? part : part.subarray(from, from + taken), filled);
      from += taken;
      filled += taken;
      if (filled === INPUT_BYTES) hashInput(INPUT_BYTES);
    }
  };
  /** Ends a message: a one bit, zeros and its length in bits. */
  const end = (bytes: number): void => {
    const padded = Math.ceil((filled + 1 + LENGTH_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;
    input.fill(0, filled + 1, padded);
    input[filled] = 0x80;
    view.setUint32(INPUT_AT + padded - 8, Math.floor(bytes / 2 ** 29));
    view.setUint32(INPUT_AT + padded - 4, (bytes * 8) % 2 ** 32);
    hashInput(padded);
  };

  return {
    hash(parts) {
      state.set(fresh);
      filled = 0;
      let bytes = 0;
      for (const part of parts) {
        append(part);
        bytes += part.length;
      }
      end(bytes);
      const digest = new Uint8Array(4 * STATE_WORDS);
      for (let i = 0; i < STATE_WORDS; i++) {
        const word = state[i] as number;
        digest[4 * i] = word >>> 24;
        digest[4 * i + 1] = word >>> 16;
        digest[4 * i + 2] = word >>> 8;
        digest[4 * i + 3] = word;
      }
      return digest;
    },
    hashNumbers(key, first, out) {
      const words = new DataView(key.buffer, key.byteOffset, KEY_BYTES);
      lanesBlock.fill(0);
      for (let i = 0; i < KEY_BYTES / 4; i++) lanesBlock.fill(words.getUint32(4 * i), LANES * i, LANES * (i + 1));
      const numberAt = LANES * (KEY_BYTES / 4);
      // The padding of a message of 36 bytes.
      lanesBlock.fill(0x80000000, numberAt + LANES, numberAt + 2 * LANES);
      lanesBlock.fill(8 * (KEY_BYTES + 4), lanesBlock.length - LANES);
      for (let from = 0; from < NUMBERED; from += LANES) {
        lanesState.set(freshLanes);
        for (let lane = 0; lane < LANES; lane++) lanesBlock[numberAt + lane] = first + from + lane;
        hashLanes();
        out.set(lanesState.subarray(0, LANES), from);
      }
    },
  };
}
