import { setImmediate as nextTurn } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { concatBytes, toHex } from '@ogong/protocol/base/bytes';
import { BatchEntrySchema, CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { MAX_BATCH_ENTRIES } from '@ogong/protocol/settlement/gas';
import {
  computePartId,
  LEAST_PART,
  MOST_PART,
  type PartTable,
  packEntry,
} from '@ogong/protocol/settlement/packed-entry';
import { parseEvidence } from '@ogong/protocol/verdict/evidence';
import type { TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { proposeUnheard } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';
import { createKnownParts } from '../../store/known-parts.ts';
import type { CosignRequest } from '../settlement-state.ts';
import { createPackedAsk, type PackedAnswer } from './pack-batch.ts';
import { measureUnpacked, unpackBatch } from './unpack-batch.ts';

/** The first is that of `createFour`. */
const NAMES = ['v1', ...Array.from({ length: 40 }, (_, i) => `w${i}`)];
const MOST = 1 << 26;
const TIMEOUT_MS = 60_000;
const NO_BYTES = new Uint8Array(0);

/** Two replies of one validator, judged, and not yet told to anybody. @param toldOf of the verifiers, those that the first peer has heard of. */
async function createWorld(toldOf: readonly string[] = NAMES) {
  const four = await createFour({ audit: { pairPpm: 0, honeypotPpm: 0 } });
  const { own, peers, certifyAll } = four;
  for (const one of [own, ...peers]) {
    const names = one === peers[0] ? toldOf : NAMES;
    for (const name of names) await one.announceVerifier(name, 'x', createTestPayee(name), {}, 2n);
  }
  for (const number of [0, 1]) await own.deliver(number);
  await certifyAll();
  await own.runAudits();
  const request = await proposeUnheard(four);
  const knownParts = createKnownParts(crypto, own.store);
  return {
    ...four,
    request: request as CosignRequest,
    ask: createPackedAsk({ crypto, knownParts, clock: four.clock }, { timeoutMs: TIMEOUT_MS }),
    knownParts,
  };
}

const sizeOf = (message: CosignRequest): number =>
  toBinary(CosignBatchRequestSchema, create(CosignBatchRequestSchema, message)).length;

/** Notes what a co-signer is asked. */
function callOf(from: TestValidator, to: TestValidator) {
  const asked: CosignRequest[] = [];
  const call = (message: CosignRequest): Promise<PackedAnswer> => {
    asked.push(message);
    return to.cosigner.answer(from.signer.address, create(CosignBatchRequestSchema, message));
  };
  return { asked, call };
}

describe('a packed batch', () => {
  it('is signed by who has heard of the same verifiers, and takes a fraction of the bytes', async () => {
    const { own, peers, request, ask } = await createWorld();
    const [{ evidence }] = request.entries as [{ evidence: Uint8Array }];
    const audit = parseEvidence(evidence);
    expect(audit.kind === 'audit' && audit.lists[0]?.length).toBe(NAMES.length);
    const { asked, call } = callOf(own, peers[0] as TestValidator);
    expect(await ask(request, call)).toMatchObject({ refused: [], signer: peers[0]?.signer.address });
    expect(asked.length).toBe(1);
    const [list, before] = [2 * NAMES.length * 120, sizeOf(request)];
    expect(before).toBeGreaterThan(list);
    expect(sizeOf(asked[0] as CosignRequest)).toBeLessThan(before - 0.8 * list);
  });

  it('comes with the parts that a co-signer lacks, and with nothing else', async () => {
    const { own, peers, request, ask } = await createWorld(NAMES.slice(2));
    const { asked, call } = callOf(own, peers[0] as TestValidator);
    expect(await ask(request, call)).toMatchObject({ refused: [] });
    // One row for each verifier that it has not heard of.
    expect(asked.map(({ parts = [] }) => parts.length)).toEqual([0, 2]);
    expect(sizeOf(asked[1] as CosignRequest)).toBeLessThan(sizeOf(asked[0] as CosignRequest) + 400);
  });

  it('comes as it is if parts of one id are others, and to a program that reads no packed ones', async () => {
    const { own, peers, request, ask } = await createWorld();
    const [first, second] = peers as [TestValidator, TestValidator];
    const garbling: PartTable = { ...first.cosigning.knownParts(), find: () => new Uint8Array(100) };
    const wrong = callOf(own, first);
    const answerWrong = async (message: CosignRequest): Promise<PackedAnswer> => {
      const whole = create(CosignBatchRequestSchema, message);
      const read = await unpackBatch({ crypto, knownParts: () => garbling }, whole, {
        from: own.signer.address,
        most: MOST,
      });
      wrong.asked.push(message);
      return 'lacking' in read ? read : wrong.call({ ...message, ...read, packed: [], parts: [] });
    };
    expect(await ask(request, answerWrong)).toMatchObject({ refused: [] });
    expect(wrong.asked.map(({ packed = [], entries = [] }) => [packed.length, entries.length])).toEqual([
      [2, 0],
      [0, 2],
      [0, 2],
    ]);

    const old = callOf(own, second);
    const answerOld = async (message: CosignRequest): Promise<PackedAnswer> => {
      if (message.entries?.length === 0) throw new LinkError('remote', 'an empty batch', { refusal: 'invalid' });
      return old.call(message);
    };
    expect(await ask(request, answerOld)).toMatchObject({ refused: [] });
    expect(old.asked.length).toBe(1);
  });

  it('is not asked about again if the peer cannot be reached', async () => {
    const { request, ask } = await createWorld();
    let calls = 0;
    const fail = async (): Promise<PackedAnswer> => {
      calls++;
      throw new LinkError('unreachable', 'nobody listens there');
    };
    await expect(ask(request, fail)).rejects.toThrow('nobody listens there');
    expect(calls).toBe(1);
  });

  it('is not sent as it is to who says that it is wrong', async () => {
    const { own, peers, request, ask } = await createWorld();
    const { asked, call } = callOf(own, peers[0] as TestValidator);
    const refute = async (message: CosignRequest): Promise<PackedAnswer> => {
      await call(message);
      throw new LinkError('remote', 'the nets of the batch are others', { refusal: 'invalid' });
    };
    await expect(ask(request, refute)).rejects.toThrow('the nets of the batch are others');
    expect(asked.map(({ packed = [] }) => packed.length)).toEqual([2]);
  });

  it('is asked about within one deadline, however many calls that takes', async () => {
    const { clock, request, ask } = await createWorld();
    const times: number[] = [];
    const stall =
      (byMs: number) =>
      async (_: CosignRequest, { timeoutMs }: { readonly timeoutMs: number }): Promise<PackedAnswer> => {
        times.push(timeoutMs);
        clock.advance(byMs);
        return { lacking: NO_BYTES };
      };
    await expect(ask(request, stall(TIMEOUT_MS - 1))).rejects.toThrow('cannot read plain entries');
    await expect(ask(request, stall(TIMEOUT_MS))).rejects.toThrow('too long over several calls');
    expect(times).toEqual([TIMEOUT_MS, 1, TIMEOUT_MS]);
  });

  it('is packed once for all, and lets others have their turn after each entry', async () => {
    const { own, request, knownParts, clock } = await createWorld();
    let packings = 0;
    const counted = () => {
      packings++;
      return knownParts();
    };
    const ask = createPackedAsk({ crypto, knownParts: counted, clock }, { timeoutMs: TIMEOUT_MS });
    let turns = 0;
    let isDone = false;
    const counting = (async () => {
      while (!isDone) {
        await nextTurn();
        turns++;
      }
    })();
    let turnsBefore = 0;
    const sign = async (): Promise<PackedAnswer> => {
      turnsBefore ||= turns;
      return { signer: own.signer.address, signature: NO_BYTES, refused: [], uncompared: [] };
    };
    await Promise.all([ask(request, sign), ask(request, sign)]);
    isDone = true;
    await counting;
    expect(packings).toBe(1);
    expect(turnsBefore).toBeGreaterThanOrEqual(1);
  });

  it('settles with the money of the batch as it is', async () => {
    const { own, chain, offline } = await createWorld();
    offline.clear();
    while (await own.settlement.step());
    expect(chain.settled.map(({ batch }) => batch.logLength)).toEqual([2n]);
  });
});

describe('a co-signer of a packed batch', () => {
  const world = createWorld();

  it.each<[string, (message: Message) => void, string]>([
    [
      'has entries beside it',
      (message) => {
        message.entries = [...message.whole];
      },
      'packed or plain',
    ],
    [
      'has too many entries',
      (message) => {
        message.packed = new Array<Uint8Array>(MAX_BATCH_ENTRIES + 1).fill(message.packed[0] as Uint8Array);
      },
      `a batch of ${MAX_BATCH_ENTRIES + 1} entries`,
    ],
    [
      'has a part that is too long',
      (message) => {
        message.parts = [new Uint8Array(MOST_PART + 1)];
      },
      'too much in parts',
    ],
    [
      'has a part that is too short',
      (message) => {
        message.parts = [new Uint8Array(LEAST_PART - 1)];
      },
      'a part that is too short',
    ],
    [
      'has too many parts',
      (message) => {
        message.parts = Array.from({ length: 4_097 }, () => NO_BYTES);
      },
      'too much in parts',
    ],
    [
      'is cut',
      (message) => {
        message.packed = message.packed.map((one) => one.slice(0, -1));
      },
      'does not parse',
    ],
    [
      'holds no message',
      (message) => {
        message.packed = [packEntry(crypto, Uint8Array.of(0xff, 0xff), message.table).packed];
      },
      'does not parse',
    ],
  ])('refuses one that %s', async (_, bend, why) => {
    const { own, peers, request, knownParts } = await world;
    const message = packed(request, knownParts());
    bend(message);
    const { cosigning } = peers[0] as TestValidator;
    await expect(unpackBatch(cosigning, message, { from: own.signer.address, most: MOST })).rejects.toThrow(why);
  });

  it('refuses the batch of another validator before it looks at an entry', async () => {
    const { peers, request, knownParts } = await world;
    const message = packed(request, knownParts());
    const [{ signer, cosigning }] = peers as [TestValidator];
    message.packed = [Uint8Array.of(1)];
    await expect(unpackBatch(cosigning, message, { from: signer.address, most: MOST })).rejects.toThrow(
      'another validator than the caller',
    );
  });

  it('counts an entry whose parts are lacking by the length that it states, and lets others have their turn', async () => {
    const { own, request, knownParts } = await world;
    const message = packed(request, knownParts());
    const nothing: PartTable = { ...knownParts(), find: () => undefined };
    message.packed = Array.from({ length: 3 }, () => message.packed[0] as Uint8Array);
    const [sizeBytes] = message.whole.map((entry) => toBinary(BatchEntrySchema, entry).length) as [number];
    let turns = 0;
    let isDone = false;
    const countTurns = async (): Promise<void> => {
      while (!isDone) {
        turns++;
        await nextTurn();
      }
    };
    const counted = countTurns();
    const read = (most: number) =>
      unpackBatch({ crypto, knownParts: () => nothing }, message, { from: own.signer.address, most });
    expect(await read(3 * sizeBytes)).toHaveProperty('lacking');
    isDone = true;
    await counted;
    expect(turns).toBeGreaterThanOrEqual(3);
    await expect(read(3 * sizeBytes - 1)).rejects.toThrow(`at most ${sizeBytes - 1}`);
  });

  it('refuses one that stands for more bytes than there is room for, before it puts them together', async () => {
    const { own, peers, request, knownParts } = await world;
    const from = own.signer.address;
    const { cosigning } = peers[0] as TestValidator;
    const message = packed(request, knownParts());
    const whole = message.whole.reduce((sum, entry) => sum + toBinary(BatchEntrySchema, entry).length, 0);
    await expect(unpackBatch(cosigning, message, { from, most: whole - 1 })).rejects.toThrow('at most');
    expect(await unpackBatch(cosigning, message, { from, most: whole })).toEqual({ entries: message.whole });
  });

  it('is measured by what its entries state, before anything of them is read', async () => {
    const { request, knownParts } = await world;
    const { packed: both, whole } = packed(request, knownParts());
    const sizes = whole.map((entry) => toBinary(BatchEntrySchema, entry).length) as [number, number];
    const [one, several] = [Math.max(...sizes), sizes[0] + sizes[1]];
    expect(measureUnpacked({ packed: both }, { several, single: 0 })).toBe(several);
    expect(() => measureUnpacked({ packed: both }, { several: several - 1, single: several })).toThrow('at most');
    expect(measureUnpacked({ packed: both.slice(0, 1) }, { several: 0, single: one })).toBe(sizes[0]);
    expect(() => measureUnpacked({ packed: both.slice(0, 1) }, { several, single: sizes[0] - 1 })).toThrow('at most');
    const short = Array.from({ length: MAX_BATCH_ENTRIES + 1 }, () => NO_BYTES);
    expect(() => measureUnpacked({ packed: short }, { several, single: one })).toThrow(
      `${MAX_BATCH_ENTRIES + 1} entries`,
    );
    expect(measureUnpacked({ packed: [] }, { several: 0, single: 0 })).toBe(0);
  });

  it('asks for the whole if it lacks more parts than one answer names', async () => {
    const { own, request, knownParts } = await world;
    const from = own.signer.address;
    const message = packed(request, knownParts());
    const nothing: PartTable = { ...knownParts(), find: () => undefined };
    const answer = await unpackBatch({ crypto, knownParts: () => nothing }, message, { from, most: MOST });
    expect('lacking' in answer && answer.lacking.length).toBeGreaterThan(8 * NAMES.length);
    const many = [manyParts(2_500), manyParts(2_500, 2_500)];
    const unread = await unpackBatch(
      { crypto, knownParts: () => nothing },
      { ...message, packed: many },
      { from, most: MOST },
    );
    expect(unread).toEqual({ lacking: NO_BYTES });
  });

  it('takes a part that was sent in place of its own with the same id', async () => {
    const { own: proposer, request, knownParts } = await world;
    const from = proposer.signer.address;
    const message = packed(request, knownParts());
    const table = knownParts();
    const [[id, meant]] = [...message.known] as [[string, Uint8Array]];
    const own: PartTable = {
      ...table,
      find: (name) => (name === id ? meant.map((byte) => byte ^ 1) : table.find(name)),
    };
    const read = (parts: readonly Uint8Array[]) =>
      unpackBatch({ crypto, knownParts: () => own }, { ...message, parts: [...parts] }, { from, most: MOST });
    expect(await read([])).toEqual({ lacking: NO_BYTES });
    expect(await read([meant])).toEqual({ entries: message.whole });
    expect(toHex(computePartId(crypto, meant))).toBe(id);
  });
});

interface Message {
  readonly batch: Uint8Array;
  entries: ReturnType<typeof create<typeof BatchEntrySchema>>[];
  packed: Uint8Array[];
  parts: Uint8Array[];
  readonly whole: ReturnType<typeof create<typeof BatchEntrySchema>>[];
  readonly known: ReadonlyMap<string, Uint8Array>;
  readonly table: PartTable;
}

function packed({ batch = NO_BYTES, entries = [] }: CosignRequest, table: PartTable): Message {
  const whole = entries.map((entry) => create(BatchEntrySchema, entry));
  const each = whole.map((entry) => packEntry(crypto, toBinary(BatchEntrySchema, entry), table));
  const known = new Map(each.flatMap(({ parts }) => [...parts]));
  return { batch, entries: [], packed: each.map((one) => one.packed), parts: [], whole, known, table };
}

/** An entry of so many different parts. @param first number of the first one. */
function manyParts(count: number, first = 0): Uint8Array {
  const parts = Array.from({ length: count }, (_, i) => crypto.sha256(Uint8Array.of(i & 255, (first + i) >> 8, first)));
  const rows = parts.map((part) => concatBytes(part, part));
  const byStart = new Map(rows.map((row) => [toHex(row.subarray(0, 8)), row]));
  const table: Pick<PartTable, 'next'> = {
    next(entry, at) {
      const bytes = byStart.get(toHex(entry.subarray(at, at + 8)));
      return bytes && { at, part: { id: computePartId(crypto, bytes), bytes } };
    },
  };
  return packEntry(crypto, concatBytes(...rows), table).packed;
}
