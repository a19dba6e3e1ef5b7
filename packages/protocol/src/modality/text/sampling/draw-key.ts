import { createWriter, utf8Encode } from '../../../base/bytes.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { findSha256Kernel, NUMBERED, type Sha256Kernel } from '../../../crypto/sha256-kernel.ts';

/**
 * The inputs of the key that fixes every draw of a reply before it is served (docs/spec/sampler.md). `nonce`: the provider
 * chooses no part of it. `seed`: the request has OpenAI's `seed`, so the same request gives the same answer anywhere in one
 * numeric class.
 */
export type DrawKeyInputs =
  | {
      readonly mode: 'nonce';
      readonly nonce: Uint8Array;
      readonly requestHash: Uint8Array;
      readonly replyId: Uint8Array;
      readonly providerId: Uint8Array;
      readonly epoch: bigint;
      readonly beacon: Uint8Array;
    }
  | {
      readonly mode: 'seed';
      /** Signed 64-bit, as in the request. */
      readonly seed: bigint;
      readonly requestHash: Uint8Array;
      readonly modelRoot: Uint8Array;
      readonly choice: number;
    };

const NONCE_DOMAIN = utf8Encode('ogong-draw-v1\n');
const SEED_DOMAIN = utf8Encode('ogong-draw-seed-v1\n');

/** Computes a draw key. @returns 32 bytes. @throws ProtocolError if a field has another width or range. */
export function computeDrawKey(crypto: Crypto, inputs: DrawKeyInputs): Uint8Array {
  const writer = createWriter();
  if (inputs.mode === 'nonce') {
    writer
      .bytes(NONCE_DOMAIN)
      .bytes(inputs.nonce, 32)
      .bytes(inputs.requestHash, 32)
      .bytes(inputs.replyId, 16)
      .bytes(inputs.providerId, 32)
      .u64(inputs.epoch)
      .bytes(inputs.beacon, 32);
  } else {
    writer
      .bytes(SEED_DOMAIN)
      .u64(BigInt.asUintN(64, inputs.seed))
      .bytes(inputs.requestHash, 32)
      .bytes(inputs.modelRoot, 32)
      .u8(inputs.choice);
  }
  return crypto.sha256(writer.finish());
}

/** One reply's draws. */
export interface DrawSource {
  /** Returns u at a position: the first three bytes, big-endian, of SHA-256(key || u32be(position)); 0..2^24-1. */
  draw(position: number): number;
}

/** @param crypto hashes on a host without WebAssembly. */
export function createDrawSource(crypto: Pick<Crypto, 'sha256'>, key: Uint8Array): DrawSource {
  if (key.length !== 32) throw new RangeError(`a draw key has 32 bytes, not ${key.length}`);
  const kernel = findSha256Kernel();
  return kernel === undefined ? createPlainDraws(crypto, key) : createBatchedDraws(kernel, key.slice());
}

/** Computes the draws of many positions in one call, since a reply needs them one after another. */
function createBatchedDraws({ hashNumbers }: Sha256Kernel, key: Uint8Array): DrawSource {
  const words = new Uint32Array(NUMBERED);
  let first = -1;
  return {
    draw(position) {
      const index = position % NUMBERED;
      if (position - index !== first) {
        first = position - index;
        hashNumbers(key, first, words);
      }
      return (words[index] as number) >>> 8;
    },
  };
}

/** Keeps the 36-byte message, so that each token costs one hash and no allocation. */
export function createPlainDraws(crypto: Pick<Crypto, 'sha256'>, key: Uint8Array): DrawSource {
  const message = new Uint8Array(36);
  message.set(key);
  const view = new DataView(message.buffer);
  return {
    draw(position) {
      view.setUint32(32, position);
      const digest = crypto.sha256(message);
      return ((digest[0] as number) << 16) | ((digest[1] as number) << 8) | (digest[2] as number);
    },
  };
}
