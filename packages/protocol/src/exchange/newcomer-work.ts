import { createWriter, ProtocolError } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import { type Check, fail, isOk, pass } from '../base/checks.ts';
import { type CodecType, createFormat, struct, u64 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';

/**
 * Work of a key whose payee has no stake, if the network asks for it (docs/spec/newcomer-work.md). It is made for one key and
 * one epoch, whose value nobody knew before. So nobody can have a stock of it.
 */
const codec = struct({
  /** The epoch on whose value the work is made. */
  epoch: u64,
  nonce: u64,
});

export interface NewcomerWork extends CodecType<typeof codec> {}

const format = createFormat(codec, { tag: 'ogong-newcomer-work-v1' });

export const encodeNewcomerWork: (work: NewcomerWork) => Uint8Array = format.encode;
export const parseNewcomerWork: (bytes: Uint8Array) => NewcomerWork = format.decode;

/** The subject of the work. */
export interface WorkSubject {
  readonly chainId: bigint;
  /** 20 bytes. */
  readonly settlement: Uint8Array;
  /** 32 bytes. */
  readonly providerId: Uint8Array;
  readonly epoch: bigint;
  /** Value of the epoch, 32 bytes. */
  readonly beacon: Uint8Array;
}

/** The network's requirements. */
export interface WorkTerms {
  /** Required leading zero bits; 0: none. */
  readonly bits: number;
  /** Epochs after its own for which the work counts. */
  readonly epochs: number;
}

const HASH_DOMAIN = encodeDomain('ogong-newcomer-hash-v1');
const NONCE_BYTES = 8;

export const hashNewcomerWork = (crypto: Crypto, subject: WorkSubject, nonce: bigint): Uint8Array =>
  crypto.sha256(writeSubject(subject), writeNonce(nonce));

const writeNonce = (nonce: bigint): Uint8Array => createWriter().u64(nonce).finish();

function writeSubject({ chainId, settlement, providerId, epoch, beacon }: WorkSubject): Uint8Array {
  const writer = createWriter().bytes(HASH_DOMAIN).u64(chainId).bytes(settlement, 20).bytes(providerId, 32);
  return writer.u64(epoch).bytes(beacon, 32).finish();
}

export function countZeroBits(hash: Uint8Array): number {
  const at = hash.findIndex((byte) => byte !== 0);
  return at < 0 ? 8 * hash.length : 8 * at + Math.clz32(hash[at] as number) - 24;
}

/**
 * Searches the first sufficient nonce from `from` on, among a limited number.
 * @returns undefined if none is sufficient.
 */
export function searchNewcomerWork(
  crypto: Crypto,
  subject: WorkSubject,
  { bits, from, tries }: { readonly bits: number; readonly from: bigint; readonly tries: number },
): bigint | undefined {
  const prefix = writeSubject(subject);
  const bytes = new Uint8Array(NONCE_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < tries; i++) {
    const nonce = from + BigInt(i);
    view.setBigUint64(0, nonce);
    if (countZeroBits(crypto.sha256(prefix, bytes)) >= bits) return nonce;
  }
  return undefined;
}

/** Checks whether work may be made on an epoch, before its value is looked up. */
export function checkWorkEpoch({ epoch }: NewcomerWork, { epochs }: WorkTerms, latest: bigint): Check {
  if (epoch > latest) return fail('work-epoch', `epoch ${epoch} has not come; the newest is ${latest}`);
  return latest - epoch <= BigInt(epochs)
    ? pass('work-epoch', `made on epoch ${epoch}, ${latest - epoch} ago`)
    : fail('work-epoch', `made on epoch ${epoch}, ${latest - epoch} ago; it counts for ${epochs}`);
}

/**
 * Verifies work. @param latest newest epoch. @param beacon value of the epoch that the work names; undefined if it is not
 * known.
 */
export function verifyNewcomerWork(
  crypto: Crypto,
  bytes: Uint8Array,
  {
    terms,
    latest,
    beacon,
    ...subject
  }: Omit<WorkSubject, 'epoch' | 'beacon'> & {
    readonly terms: WorkTerms;
    readonly latest: bigint;
    readonly beacon: Uint8Array | undefined;
  },
): { readonly ok: boolean; readonly checks: readonly Check[] } {
  let work: NewcomerWork;
  try {
    work = parseNewcomerWork(bytes);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { ok: false, checks: [fail('work-encoding', error.message)] };
  }
  const checks = [
    pass('work-encoding', 'canonical'),
    checkWorkEpoch(work, terms, latest),
    checkBits(crypto, { ...subject, epoch: work.epoch }, { nonce: work.nonce, beacon, bits: terms.bits }),
  ];
  return { ok: isOk(checks), checks };
}

function checkBits(
  crypto: Crypto,
  subject: Omit<WorkSubject, 'beacon'>,
  { nonce, beacon, bits }: { readonly nonce: bigint; readonly beacon: Uint8Array | undefined; readonly bits: number },
): Check {
  if (beacon === undefined) return fail('work-bits', `the value of epoch ${subject.epoch} is not known`);
  const found = countZeroBits(hashNewcomerWork(crypto, { ...subject, beacon }, nonce));
  return found >= bits
    ? pass('work-bits', `${found} zero bits`)
    : fail('work-bits', `${found} zero bits, ${bits} are asked for`);
}
