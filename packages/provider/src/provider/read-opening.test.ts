import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { PeerId } from '@ogong/host/link/link-identity';
import { BeaconViewError } from '@ogong/host/views/beacon-view';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { computeWitnessEpoch, drawWitnesses } from '@ogong/protocol/audit/witness-draw';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { encodeBeaconCertificate } from '@ogong/protocol/beacon/beacon';
import { hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { IntakeWord } from '@ogong/protocol/exchange/intake-receipt';
import type {
  PushRecordRequest,
  SignedIntake as SignedIntakeMessage,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createTestValidator, ledger, network } from '@ogong/testing/validator/test-bench';
import { toPushMessage } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { type OpeningState, readOpening, readTexts } from './read-opening.ts';

const own = createTestValidator();
const order = own.order(0);
const push = toPushMessage(own.serve(order).submission) as PushRecordRequest;
const { replyId, providerId: target, validator } = order.fields;
const consumer = new Uint8Array(32).fill(0xc0);
const stranger = new Uint8Array(32).fill(0xee);
const bytes = Uint8Array.of(9);

/** The order's validator and 14 others: more than the beacon draws. */
const members = Array.from({ length: 15 }, (_, i) => ({
  ...own.member,
  ...(i > 0 && { address: new Uint8Array(20).fill(i), certHash: new Uint8Array(32).fill(i) }),
}));
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
  /** Whether the registry is as it was then. */
  readonly isChanged?: boolean;
  readonly id?: Uint8Array;
  /** Whether its validator has signed for the record, and the beacon is certified that decides about it. */
  readonly isTaken?: boolean;
  readonly isDecided?: boolean;
  /** What the caller brings. */
  readonly receipt?: IntakeWord;
  /** Receipts that came to be kept. */
  readonly kept?: unknown[];
}

function openState({
  isCertified = true,
  isChanged = false,
  isTaken = true,
  isDecided = true,
  kept = [],
}: Given = {}): OpeningState {
  const set = hashValidatorSet(crypto, network, isChanged ? members.slice(1) : members);
  const sets = { set, following: set, next: set, block: 0n };
  const facts = { epoch, view: 0, previous: value, value, ...sets, contributions: [], signatures: [] };
  const beacon = { epoch, value, previous: value, certificate: encodeBeaconCertificate(facts) };
  return {
    crypto,
    openings: { get: async (asked) => (equalBytes(asked, replyId) ? { bytes, consumer, expiresAtMs: 1 } : undefined) },
    outbox: {
      find: (asked) =>
        equalBytes(asked, replyId)
          ? { push, intake: isTaken ? { epoch: INTAKE_EPOCH, signature: new Uint8Array(65) } : undefined }
          : undefined,
      settle: async (receipt) => void kept.push(receipt),
    },
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
      validators: () => members,
      findByCertHash: (hash) => members.find(({ certHash }) => equalBytes(certHash, hash)),
    },
  };
}

const read = (caller: Uint8Array, { id = replyId, ...given }: Given = {}) =>
  readOpening(openState(given), id, caller as PeerId);
const readAll = (caller: Uint8Array, { id = replyId, ...given }: Given = {}) =>
  readTexts(
    openState(given),
    { replyId: id, intake: given.receipt as SignedIntakeMessage | undefined },
    caller as PeerId,
  );

it.each([
  ['its consumer', consumer, {}],
  ["its order's validator", own.member.certHash, {}],
  ["its order's validator, before a beacon draws anybody", own.member.certHash, { isCertified: false }],
  ['a witness whom the beacon draws', witness, {}],
  ['any validator, where it cannot be told any more whom the beacon drew', undrawn, { isChanged: true }],
])('is shown to %s', async (_who, caller, given) => {
  expect(await read(caller, given)).toEqual({ opening: bytes });
});

it.each([
  ['a stranger', stranger, {}],
  ['a stranger, when validators have changed', stranger, { isChanged: true }],
  ['a validator that the beacon does not draw', undrawn, {}],
  ['a witness, before the beacon has drawn it', witness, { isCertified: false }],
  ['its consumer, of another reply', consumer, { id: new Uint8Array(16).fill(2) }],
  ['its consumer, under half an id', consumer, { id: replyId.subarray(0, 8) }],
])('is not shown to %s', async (_who, caller, given) => {
  await expect(read(caller, given)).rejects.toThrow('no opening of this reply for you');
});

it.each([
  ["its order's validator", own.member.certHash],
  ['a witness whom the beacon draws', witness],
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
  ['whoever names another reply', own.member.certHash, { id: new Uint8Array(16) }],
])('its texts are not shown to %s', async (_who, caller, given) => {
  await expect(readAll(caller, given)).rejects.toThrow('no texts of this reply for you');
});

describe('a provider whose record others have shown to the validator', () => {
  const { orderHash } = order.fields;
  const recordHash = hashRecord(crypto, push.record?.record ?? bytes);
  const sign = async (change = {}): Promise<IntakeWord> => {
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
