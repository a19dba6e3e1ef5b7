import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { AuditDraw } from '@ogong/protocol/audit/audit';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { parseOrder } from '@ogong/protocol/exchange/order';
import {
  buildSettlement,
  type Debt,
  encodeSettlement,
  parseSettlement,
  type ReadEntry,
  type Settlement,
  sumDebts,
} from '@ogong/protocol/settlement/batch';
import { INITIAL_TESTS } from '@ogong/protocol/settlement/log-tests';
import { computeGenesisPosition, parseVerdictEntry, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { domain, network } from '@ogong/testing/validator/test-bench';
import { propose } from '@ogong/testing/validator/test-proposal';
import { beforeAll, describe, expect, it } from 'vitest';
import { assertNets, checkUncollectable, findLogStart, findModels, readLog, readProposal } from './batch-check.ts';
import type { CosignState } from './cosign-state.ts';
import { assertPassedOver, checkEntry } from './entry-check.ts';

const stranger = new Uint8Array(20).fill(9);
const unread = () => Promise.reject(new Error('no answer'));
const findTests = () => INITIAL_TESTS;

let proposal: Awaited<ReturnType<typeof propose>>;
let bytes: Uint8Array;
let settlement: Settlement;
let logEntries: Uint8Array[];
let entries: VerdictEntry[];
let read: ReadEntry[];
beforeAll(async () => {
  proposal = await propose();
  bytes = proposal.request.batch;
  settlement = parseSettlement(bytes);
  logEntries = proposal.request.entries.map(({ logEntry }) => logEntry);
  read = logEntries.map((bytes) => ({ bytes, entry: parseVerdictEntry(bytes) }));
  entries = read.map(({ entry }) => entry);
});

describe('a proposed batch', () => {
  it('is read only if the peer is the validator of the batch', () => {
    expect(readProposal(settlement.batch.validator, bytes)).toEqual(settlement);
    expect(() => readProposal(stranger, bytes)).toThrow('another validator than the caller');
    expect(() => readProposal(settlement.batch.validator, bytes.subarray(1))).toThrow('does not parse');
  });

  it('has to be the next one, as the chain has it', async () => {
    const state = (sequence: bigint) => ({
      crypto,
      domain,
      anchorOf: async () => ({ sequence, logLength: 8n, logHead: `0x${'07'.repeat(32)}` }) as never,
    });
    const at = { validator: stranger, sequence: 3n };
    await expect(findLogStart(state(3n), at)).rejects.toMatchObject({ code: 'not-next', retryable: true });
    await expect(findLogStart(state(1n), at)).rejects.toMatchObject({ code: 'not-next' });
    expect(await findLogStart(state(2n), at)).toEqual({ length: 8n, head: new Uint8Array(32).fill(7) });
    expect(await findLogStart(state(0n), { ...at, sequence: 1n })).toEqual(
      computeGenesisPosition(crypto, { ...network, validator: stranger }),
    );
    await expect(findLogStart({ crypto, domain, anchorOf: unread }, at)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('nets its entries and nothing else', () => {
    assertNets({ crypto }, settlement, bytes, { entries: read, findTests });
    const bend = (change: Partial<Settlement>) => {
      const bent = { ...settlement, ...change };
      return () => assertNets({ crypto }, bent, encodeSettlement(bent), { entries: read, findTests });
    };
    const lines = settlement.lines.map((line) => ({ ...line, payee: stranger }));
    expect(bend({ lines })).toThrow('differs from the netting of its entries');
    expect(bend({ ejections: [] })).toThrow('differs from the netting of its entries');
    const debits = settlement.debits.map((debit) => ({ ...debit, payer: stranger }));
    expect(bend({ debits })).toThrow('do not settle');
  });
});

describe('the models that lines name', () => {
  const messages = () => structuredClone(proposal.request.entries);
  const rootOf = (i: number) => parseOrder(proposal.request.entries[i]?.record?.order?.order as Uint8Array).modelRoot;
  const isPaid = (i: number) => entries[i]?.feeAtomic !== 0n;
  const build = (modelRoots: readonly (Uint8Array | undefined)[] | undefined) => {
    const { validator, sequence, logLength, logHead } = settlement.batch;
    const position = { length: logLength, head: logHead };
    const input = { validator, sequence, position, entries: read, vouchers: settlement.debits, findTests };
    return buildSettlement(crypto, { ...input, modelRoots });
  };

  it('are those of the records that the entries name, whatever else comes with them', () => {
    const named = build(logEntries.map((_, i) => rootOf(i)));
    const state = { crypto, namesModels: () => true };
    const found = findModels(state, named, entries, messages());
    expect(entries.some((_, i) => isPaid(i))).toBe(true);
    for (const [i, root] of (found ?? []).entries()) if (isPaid(i)) expect(root).toEqual(rootOf(i));
    assertNets({ crypto }, named, encodeSettlement(named), { entries: read, findTests, modelRoots: found });
    // Another model than the one that was asked.
    const other = build(logEntries.map(() => new Uint8Array(32).fill(5)));
    const check = () =>
      assertNets({ crypto }, other, encodeSettlement(other), { entries: read, findTests, modelRoots: found });
    expect(check).toThrow('differs from the netting of its entries');
    // A record that is not the one which the entry names.
    const swapped = messages().map((message, i) => {
      if (isPaid(i) && message.record?.record) message.record.record.record = new Uint8Array(200).fill(1);
      return message;
    });
    const missing = findModels(state, named, entries, swapped);
    expect(() =>
      assertNets({ crypto }, named, encodeSettlement(named), { entries: read, findTests, modelRoots: missing }),
    ).toThrow('has no model');
  });

  it('are named exactly if makers have a share, by the chain as it is seen here', () => {
    const named = build(logEntries.map((_, i) => rootOf(i)));
    const find = (given: Settlement, isPaidNow: boolean) => () =>
      findModels({ crypto, namesModels: () => isPaidNow }, given, entries, messages());
    expect(find(settlement, false)()).toBe(undefined);
    expect(find(settlement, true)).toThrow('lines name no model, and makers have a share');
    expect(find(named, false)).toThrow('lines name models, and makers have no share');
    expect(find({ ...settlement, lines: [] }, true)()).toBe(undefined);
  });
});

describe('the log of a batch', () => {
  const read = (list: readonly Uint8Array[], batch = settlement.batch) => {
    const { validator } = settlement.batch;
    return readLog({ crypto }, batch, computeGenesisPosition(crypto, { ...network, validator }), list);
  };

  it('holds from its start to the head that the batch names', () => {
    expect(read(logEntries)).toEqual(entries);
    expect(() => read([])).toThrow('empty');
    expect(() => read(logEntries.slice(1))).toThrow('the log is invalid');
    expect(() => read(logEntries.slice(0, -1))).toThrow('the log is invalid');
    expect(() => read(logEntries, { ...settlement.batch, logHead: new Uint8Array(32) })).toThrow('the log is invalid');
  });
});

describe('an entry', () => {
  const check = (
    verdict: string,
    change: { readonly entry?: object; readonly state?: object; readonly message?: object },
  ) => {
    const position = entries.findIndex((entry) => entry.verdict === verdict);
    const entry = { ...entries[position]!, ...change.entry };
    const message = { ...proposal.request.entries[position]!, ...change.message };
    const state: CosignState = { ...proposal.peer.cosigning, ...change.state };
    return checkEntry(state, settlement.batch.validator, entry, message);
  };

  it.each(['accept', 'reject', 'abandoned'])('of verdict %s holds by its own bytes', async (verdict) => {
    await check(verdict, {});
  });

  it('is refuted with its place in the log', async () => {
    await expect(check('accept', { message: { record: undefined } })).rejects.toThrow(/^entry \d has no order/);
    await expect(check('accept', { entry: { payee: stranger } })).rejects.toThrow(/^entry \d pays another/);
    await expect(check('accept', { entry: { feeAtomic: 1n } })).rejects.toMatchObject({ code: 'refuted' });
    await expect(check('accept', { message: { evidence: new Uint8Array(9) } })).rejects.toMatchObject({
      code: 'refuted',
    });
  });

  it('is not refuted by what is not known here', async () => {
    const unknown = { code: 'unavailable', retryable: true };
    await expect(check('accept', { state: { getBeacon: async () => undefined } })).rejects.toMatchObject(unknown);
    const findPolicy = () => ({ problem: 'another table' });
    await expect(check('accept', { state: { findPolicy } })).rejects.toMatchObject(unknown);
    const damaged = new ProtocolError('malformed', 'a row that does not parse');
    const fails = [
      { getBeacon: () => Promise.reject(damaged) },
      {
        findPolicy: () => {
          throw damaged;
        },
      },
    ];
    for (const state of fails) await expect(check('accept', { state })).rejects.toMatchObject(unknown);
    const bug = new TypeError('a bug');
    const getBeacon = () => Promise.reject(bug);
    await expect(check('accept', { state: { getBeacon } })).rejects.toBe(bug);
  });
});

describe('a reply that was passed over', () => {
  const draw: AuditDraw = { replyId: new Uint8Array(16), orderEpoch: 1n, beaconEpoch: 5n, beacon: new Uint8Array(32) };
  const decidedMs = 5_000_000;
  const account = { providerId: new Uint8Array(32), payee: new Uint8Array(20) };
  const entry = { index: 4n, timeMs: decidedMs, ...account, feeAtomic: 100n };
  const assert = (
    now: number,
    coverageSince: CosignState['coverageSince'],
    heldFor: CosignState['heldFor'] = async () => undefined,
  ) =>
    assertPassedOver({ crypto, alphaPpm: () => now, coverageSince, heldFor }, entry, { expiresAtMs: 5_000_000n }, draw);

  it('was so by the coverage of now, or of then', async () => {
    await assert(0, unread);
    await assert(1_000_000, async () => ({ leastPpm: 0, asOfMs: 0 }));
    const all = { leastPpm: 1_000_000, asOfMs: decidedMs };
    await expect(assert(1_000_000, async () => all)).rejects.toThrow('entry 4: the beacon selected the reply');
    await expect(assert(1_000_000, unread)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('was so although its provider had little to lose', async () => {
    const asked: unknown[] = [];
    const hold = (heldAtomic: bigint) => async (of: unknown, orderedMs: number) => {
      asked.push([of, orderedMs]);
      return heldAtomic;
    };
    await expect(assert(0, unread, hold(0n))).rejects.toMatchObject({ code: 'refuted' });
    await assert(0, unread, hold(10n ** 12n));
    expect(asked[0]).toEqual([account, 5_000_000 - MAX_ORDER_LIFETIME_MS]);
    await expect(assert(0, unread, () => Promise.reject(new Error('down')))).rejects.toMatchObject({
      code: 'unavailable',
    });
  });

  it('may be so by a change that this node has not seen yet', async () => {
    const behind = { leastPpm: 1_000_000, asOfMs: decidedMs - 1 };
    await expect(assert(1_000_000, async () => behind)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });
});

describe('payers that are left out', () => {
  let debts: readonly Debt[];
  beforeAll(() => {
    debts = sumDebts(entries, findTests);
  });
  const check = (spendable: bigint, uncollectable: Uint8Array[], before: Uint8Array[] = []) => {
    const channelOf = async () => ({ admitted: spendable, spent: 0n });
    return checkUncollectable({ channelOf }, { batch: settlement.batch, uncollectable }, debts, before);
  };

  it('cannot be drawn, and come back only when they can', async () => {
    const { payer } = entries.find(({ verdict }) => verdict === 'accept')!;
    await check(0n, [payer]);
    await expect(check(1_000_000_000n, [payer])).rejects.toThrow('can be debited');
    await check(1_000_000_000n, [], [payer]);
    await expect(check(0n, [], [payer])).rejects.toThrow('still cannot be debited');
    const dark = checkUncollectable(
      { channelOf: unread },
      { batch: settlement.batch, uncollectable: [payer] },
      debts,
      [],
    );
    await expect(dark).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('change what a batch nets to', () => {
    const { payer } = entries.find(({ verdict }) => verdict === 'accept')!;
    const { validator, sequence, logLength, logHead } = settlement.batch;
    const position = { length: logLength, head: logHead };
    const input = { validator, sequence, position, entries: read, vouchers: settlement.debits };
    const without = buildSettlement(crypto, { ...input, uncollectable: [payer] });
    assertNets({ crypto }, without, encodeSettlement(without), { entries: read, findTests });
    expect(without.lines).toEqual([]);
  });
});
