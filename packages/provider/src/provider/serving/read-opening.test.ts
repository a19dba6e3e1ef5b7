import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toLinkError } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { BeaconViewError } from '@ogong/host/views/beacon-view';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { computeWitnessEpoch, drawWitnesses } from '@ogong/protocol/audit/witness-draw';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { encodeBeaconCertificate } from '@ogong/protocol/beacon/beacon';
import { hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import { BLOB_CHUNK_BYTES, MAX_BLOB_CHUNKS } from '@ogong/protocol/commitment/blob';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { IntakeSignature } from '@ogong/protocol/exchange/intake-receipt';
import type {
  PushRecordRequest,
  SignedIntake as SignedIntakeMessage,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createTestValidator, ledger, network } from '@ogong/testing/validator/test-bench';
import { toPushMessage } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { createKnownSets } from '../paid/known-sets.ts';
import { PROVIDER_SCHEMA } from '../provider-store.ts';
import type { StoredBlob } from './blob-file.ts';
import { createBlobReader, MAX_CALLS_PER_PEER } from './read-blob.ts';
import { type OpeningState, readOpening, readTexts } from './read-opening.ts';

const own = createTestValidator();
const order = own.order(0);
const push = toPushMessage(own.serve(order).submission) as PushRecordRequest;
const ofMachine = toPushMessage(
  own.serve(order, { bend: { header: (header) => ({ ...header, tier: 'tee', method: 'attested-replay' }) } })
    .submission,
) as PushRecordRequest;
const { replyId, providerId: target, validator } = order.fields;
const consumer = new Uint8Array(32).fill(0xc0);
const stranger = new Uint8Array(32).fill(0xee);
const bytes = Uint8Array.of(9);

/** The order's validator and 14 others: more than the beacon draws. */
const members = Array.from({ length: 15 }, (_, i) => ({
  ...own.member,
  ...(i > 0 && { address: new Uint8Array(20).fill(i), certHash: new Uint8Array(32).fill(i) }),
}));
/** Registered since. */
const newcomer = {
  ...own.member,
  ...{ address: new Uint8Array(20).fill(0x99), certHash: new Uint8Array(32).fill(0x99) },
};
const value = new Uint8Array(32).fill(7);
const epoch = computeWitnessEpoch(order.fields.epoch);
/** Later than that of the witnesses. */
const INTAKE_EPOCH = order.fields.epoch + 40n;
const { epoch: decidingEpoch } = computeDecidingEpoch({
  orderEpoch: order.fields.epoch,
  intakeEpoch: INTAKE_EPOCH,
});
const drawn = drawWitnesses(crypto, { beacon: value, replyId, asked: 'opening', target, validator }, members);
const witness = drawn[0]?.certHash as Uint8Array;
const undrawn = members.find((one, i) => i > 0 && !drawn.includes(one))?.certHash as Uint8Array;

interface Given {
  /** Of the epoch of the witnesses. */
  readonly isCertified?: boolean;
  /** Whether the registry is another one now. */
  readonly isChanged?: boolean;
  /** Whether the one of then was read here, too. */
  readonly isRecalled?: boolean;
  /** Whether it was, and this provider was started again since. */
  readonly isRestarted?: boolean;
  readonly id?: Uint8Array;
  /** Whether the reply is of tier `tee`. */
  readonly isOfMachine?: boolean;
  /** Whether its validator has signed for the record, and the beacon is certified that decides about it. */
  readonly isTaken?: boolean;
  readonly isDecided?: boolean;
  /** The receipt that the caller brings. */
  readonly receipt?: IntakeSignature;
  /** Receipts that came to be kept. */
  readonly kept?: unknown[];
}

async function openState({
  isCertified = true,
  isChanged = false,
  isRecalled = false,
  isRestarted = false,
  isOfMachine = false,
  isTaken = true,
  isDecided = true,
  kept = [],
}: Given = {}): Promise<OpeningState> {
  const set = hashValidatorSet(crypto, network, members);
  const [listed, before] = isChanged ? [[...members, newcomer], isRecalled ? [members] : []] : [members, []];
  const lists = [listed, ...before];
  const store = openStore(':memory:', { schema: PROVIDER_SCHEMA });
  const disk = { store, commits: createGroupCommit(store) };
  const openSets = (recent: readonly (typeof members)[]) =>
    createKnownSets({ crypto, chain: { network, recentLists: () => recent } }, disk);
  if (isRestarted) await openSets([members]).note(1);
  const sets = { set, following: set, next: set, block: 0n };
  const facts = { epoch, view: 0, previous: value, value, ...sets, contributions: [], signatures: [] };
  const beacon = { epoch, value, previous: value, certificate: encodeBeaconCertificate(facts) };
  return {
    crypto,
    openings: { get: async (asked) => (equalBytes(asked, replyId) ? { bytes, consumer, expiresAtMs: 1 } : undefined) },
    outbox: {
      find: async (asked) =>
        equalBytes(asked, replyId)
          ? {
              push: isOfMachine ? ofMachine : push,
              intake: isTaken ? { epoch: INTAKE_EPOCH, signature: new Uint8Array(65) } : undefined,
            }
          : undefined,
      settle: async (receipt) => void kept.push(receipt),
    },
    knownSets: openSets(lists),
    beacons: {
      async get(asked) {
        if (asked === epoch && isCertified) return beacon;
        if (asked === decidingEpoch && isDecided) return beacon;
        throw new BeaconViewError('unknown-epoch', 'not yet');
      },
    },
    chain: {
      beaconKeys: () => undefined,
      client: () => expect.unreachable(),
      ...{ ledger, network },
      recallByAddress: (address) => members.find((member) => equalBytes(member.address, address)),
      findByCertHash: (hash) => listed.find(({ certHash }) => equalBytes(certHash, hash)),
    },
  };
}

const read = async (caller: Uint8Array, { id = replyId, ...given }: Given = {}) =>
  readOpening(await openState(given), id, caller as PeerId);
const readAll = async (caller: Uint8Array, { id = replyId, ...given }: Given = {}) =>
  readTexts(
    await openState(given),
    { replyId: id, intake: given.receipt as SignedIntakeMessage | undefined },
    caller as PeerId,
  );

it.each([
  ['its consumer', consumer, {}],
  ["its order's validator", own.member.certHash, {}],
  ["its order's validator, before a beacon draws anybody", own.member.certHash, { isCertified: false }],
  ['a witness that the beacon draws', witness, {}],
  [
    'a witness that the beacon has drawn from an earlier set of validators',
    witness,
    { isChanged: true, isRecalled: true },
  ],
  ['such a witness after a restart', witness, { isChanged: true, isRestarted: true }],
  ['any validator, where those of then were never read here', newcomer.certHash, { isChanged: true }],
])('is shown to %s', async (_who, caller, given) => {
  expect(await read(caller, given)).toEqual({ opening: bytes });
});

it.each([
  ['a stranger', stranger, {}],
  ['a stranger, when validators have changed', stranger, { isChanged: true }],
  ['a validator that the beacon does not draw', undrawn, {}],
  ['one that it has not drawn, when validators have changed', undrawn, { isChanged: true, isRecalled: true }],
  ['a validator that came later', newcomer.certHash, { isChanged: true, isRecalled: true }],
  ['a validator that came before a restart', newcomer.certHash, { isChanged: true, isRestarted: true }],
  ['a witness, before the beacon has drawn it', witness, { isCertified: false }],
  ['its consumer, of another reply', consumer, { id: new Uint8Array(16).fill(2) }],
  ['its consumer, under half an id', consumer, { id: replyId.subarray(0, 8) }],
])('is not shown to %s', async (_who, caller, given) => {
  await expect(read(caller, given)).rejects.toThrow('no opening of this reply for you');
});

it.each([
  ["its order's validator", own.member.certHash],
  ['a witness that the beacon draws', witness],
])('is shown neither with texts nor without to %s, if it is of tier tee', async (_who, caller) => {
  await expect(read(caller, { isOfMachine: true })).rejects.toThrow('no opening of this reply for you');
  await expect(readAll(caller, { isOfMachine: true })).rejects.toThrow('no texts of this reply for you');
});

it('is shown to its consumer, if it is of tier tee', async () => {
  expect(await read(consumer, { isOfMachine: true })).toEqual({ opening: bytes });
});

it.each([
  ["its order's validator", own.member.certHash],
  ['a witness that the beacon draws', witness],
])('its texts are shown to %s, once a beacon can have selected it', async (_who, caller) => {
  const { request, endpoint, response } = push;
  expect(await readAll(caller)).toEqual({ request, endpoint, response });
  await expect(readAll(caller, { isDecided: false })).rejects.toThrow('no beacon has decided');
  await expect(readAll(caller, { isTaken: false })).rejects.toThrow('no beacon has decided');
});

it.each([
  ['its consumer', consumer, {}],
  ['a stranger', stranger, {}],
  ['a validator that the beacon does not draw', undrawn, {}],
  ['a witness that names another reply', own.member.certHash, { id: new Uint8Array(16) }],
])('its texts are not shown to %s', async (_who, caller, given) => {
  await expect(readAll(caller, given)).rejects.toThrow('no texts of this reply for you');
});

describe('a provider whose record others have shown to the validator', () => {
  const { orderHash } = order.fields;
  const recordHash = hashRecord(crypto, push.record?.record ?? bytes);
  const sign = async (change = {}): Promise<IntakeSignature> => {
    const word = { validator, orderHash, recordHash, epoch: INTAKE_EPOCH, ...change };
    return { epoch: INTAKE_EPOCH, signature: await own.signer.sign({ kind: 'intake', domain: ledger, ...word }) };
  };

  it.each([
    ['the validator', own.member.certHash],
    ['a witness', witness],
  ])('shows its texts where %s brings the receipt, and keeps it', async (_who, caller) => {
    const receipt = await sign();
    const kept: unknown[] = [];
    const { request } = push;
    expect(await readAll(caller, { isTaken: false, receipt, kept })).toMatchObject({ request });
    expect(kept).toEqual([{ replyId, validator, orderHash, recordHash, ...receipt }]);
    await expect(readAll(caller, { isTaken: false, isDecided: false, receipt })).rejects.toThrow('no beacon has');
  });

  it.each([
    ['for another record', { recordHash: new Uint8Array(32) }],
    ['for another order', { orderHash: new Uint8Array(32) }],
    ['for another epoch', { epoch: INTAKE_EPOCH - 1n }],
  ])('shows nothing for a receipt that was signed %s', async (_what, change) => {
    const kept: unknown[] = [];
    const given = { isTaken: false, receipt: await sign(change), kept };
    await expect(readAll(own.member.certHash, given)).rejects.toThrow('no beacon has decided');
    expect(kept).toEqual([]);
  });

  it('keeps no receipt that a stranger brings', async () => {
    const kept: unknown[] = [];
    const given = { isTaken: false, receipt: await sign(), kept };
    await expect(readAll(stranger, given)).rejects.toThrow('no texts of this reply for you');
    expect(kept).toEqual([]);
  });
});

describe('a blob of the reply', () => {
  const root = new Uint8Array(32).fill(4);
  /** It ordered the reply sealed, so the opening is not shown to it. */
  const orderer = new Uint8Array(32).fill(0xcc);
  const CHUNKS = 300;
  const open = { files: 0 };
  const stored: StoredBlob = {
    ref: { bytes: CHUNKS * BLOB_CHUNK_BYTES, root },
    read: async (index) => ({ index, data: bytes, proof: [] }),
    close: async () => void open.files--,
  };
  const createReader = async (given: Given = {}) =>
    createBlobReader({
      ...(await openState(given)),
      blobs: {
        isOrderer: (askedId, peer) => equalBytes(askedId, replyId) && equalBytes(peer, orderer),
        async open(askedId, askedRoot) {
          if (!equalBytes(askedId, replyId) || !equalBytes(askedRoot, root)) return undefined;
          open.files++;
          return stored;
        },
      },
    });
  const asked = { replyId, root, first: 2, count: 3 };
  const readBlob = async (caller: Uint8Array, given: Given = {}, bend: Partial<typeof asked> = {}) => {
    const indexes: number[] = [];
    const reader = await createReader(given);
    for await (const { index } of reader({ ...asked, ...bend }, caller as PeerId)) indexes.push(index);
    return indexes;
  };

  it.each([
    ['its consumer', consumer],
    ['the orderer of a sealed reply', orderer],
    ["its order's validator", own.member.certHash],
    ['a witness that the beacon draws', witness],
  ])('is shown to %s', async (_who, caller) => {
    expect(await readBlob(caller)).toEqual([2, 3, 4]);
    expect(open.files).toBe(0);
  });

  it.each<[string, Uint8Array, Given, Partial<typeof asked>]>([
    ['a stranger', stranger, {}, {}],
    ['a co-signer that the beacon does not draw', undrawn, {}, {}],
    ['a witness, before the beacon has drawn it', witness, { isCertified: false }, {}],
    ["its order's validator, if it is of tier tee", own.member.certHash, { isOfMachine: true }, {}],
    ['its consumer, under another reply', consumer, {}, { replyId: new Uint8Array(16).fill(2) }],
    ['its consumer, under half an id', consumer, {}, { replyId: replyId.subarray(0, 8) }],
    ['its consumer, under another root', consumer, {}, { root: new Uint8Array(32) }],
    ['a carrier of a sealed reply, which knows no root', orderer, {}, { root: new Uint8Array(32) }],
    ['its consumer, under half a root', consumer, {}, { root: root.subarray(0, 16) }],
    ['its consumer, beyond its end', consumer, {}, { first: CHUNKS - 2 }],
    ['its consumer, in no chunks', consumer, {}, { count: 0 }],
    ['its consumer, in too many chunks at once', consumer, {}, { count: MAX_BLOB_CHUNKS + 1 }],
  ])('is not shown to %s, with one refusal for all', async (_who, caller, given, bend) => {
    const refused = await readBlob(caller, given, bend).catch((error: unknown) => error);
    expect(toLinkError(refused)).toMatchObject({ refusal: 'not-found', message: 'no blob of this reply for you' });
    expect(open.files).toBe(0);
  });

  it('is read by one peer in few calls at a time, and a caller that leaves makes room', async () => {
    const reader = await createReader();
    const begin = (caller: Uint8Array) => reader(asked, caller as PeerId);
    const calls = [...Array<Uint8Array>(MAX_CALLS_PER_PEER).fill(consumer), witness].map(begin);
    for (const call of calls) expect(await call.next()).toMatchObject({ done: false });
    await expect(begin(consumer).next()).rejects.toThrow('too many blobs at once');
    await calls[0]?.return(undefined);
    const next = begin(consumer);
    expect(await next.next()).toMatchObject({ done: false });
    for (const call of [...calls, next]) await call.return(undefined);
    expect(open.files).toBe(0);
  });
});
