import { cosignersOf } from '@ogong/chain/cosigners';
import { cosignersAbi, earningsAbi, escrowAbi, ogongTokenAbi, stakingAbi } from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { encodeSettle } from '@ogong/chain/settle-call';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { hashVoucher } from '@ogong/protocol/exchange/order';
import { hashSettlement } from '@ogong/protocol/settlement/batch';
import { decodeFunctionResult, encodeFunctionData, maxUint256 } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { takeRoster } from './measure-settlement.ts';
import {
  applyDeed,
  type BookedSettlement,
  balanceIn,
  channelIn,
  createMoneyBook,
  forfeitIn,
  type MoneyBook,
  type MoneyDeed,
  type MoneyRules,
  stakeIn,
} from './money-book.ts';
import { startTestLedger, type TestLedger, termsHash, unit } from './test-ledger.ts';

const SEED = Number(process.env.OGONG_SEED ?? 24);
const DEEDS = process.env.OGONG_LONG === '1' ? 10_000 : 250;
const PERIOD_S = 600;
const APPEAL_S = 3_600;
const DELAY_S = 3_600;
const UNBONDING_S = 900;
const GAS = 3_000_000n;
/** The deepest reorganisation. */
const DEPTH = 3;
const NOBODY: Address = `0x${'00'.repeat(20)}`;

type Member = Awaited<ReturnType<TestLedger['createMember']>>;
/** A signed transaction, and what it asks for. */
interface Sending {
  readonly deed: MoneyDeed;
  readonly raw: Hex;
  readonly hash: Hex;
}
/** A state to go back to, and what was sent since. */
interface Point {
  readonly snapshot: Hex;
  readonly book: MoneyBook;
  readonly sent: readonly Sending[];
}

let ledger: TestLedger;
let rules: MoneyRules;
let payers: Member[];
let validators: Member[];
let payees: Member[];
/** Bonds of validators. */
let votes: ReadonlyMap<string, bigint>;
let roster: Address;
const providerIds = [1, 2, 3].map((i): Hex => `0x${String(i).padStart(64, '0')}`);
/** The second one has no maker. */
const models = [8, 9].map((i): Hex => `0x${String(i).padStart(64, '0')}`);
const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));

async function rpc(...calls: readonly (readonly [method: string, params: readonly unknown[]])[]): Promise<unknown[]> {
  if (calls.length === 0) return [];
  const body = JSON.stringify(calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params })));
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(ledger.chain.rpcUrl, { method: 'POST', headers, body });
  const answers = (await response.json()) as { id: number; result?: unknown; error?: { message: string } }[];
  return answers
    .sort((a, b) => a.id - b.id)
    .map(({ result, error }) => (error === undefined ? result : new Error(error.message)));
}

async function publishModel({ client }: Member, modelRoot: Hex): Promise<void> {
  await client.claimMaker('acme');
  const description = { modelRoot, tokenizerHash: modelRoot, licence: 'MIT', sources: ['https://acme.example'] };
  await client.claimWeights('acme', modelRoot);
  await client.publishModel({ maker: 'acme', model: 'one' }, { ...description, adapterRoots: [] });
}

beforeAll(async () => {
  ledger = await startTestLedger({
    ...{ blockTimeMs: 50, holding: { period: PERIOD_S, entrance: 5_000n }, delays: { appeal: APPEAL_S } },
    limits: { withdrawalDelay: DELAY_S, unbondingDelay: UNBONDING_S },
  });
  // Bonds that carry whatever is settled: how much they carry is not in the book.
  // The two larger ones are a quorum, and pots are shared by votes.
  const bonds = [500_000n, 1_000_000n, 1_200_000n].map((bond) => bond * unit);
  validators = await Promise.all(bonds.map((bond) => ledger.createValidator(bond)));
  votes = new Map(validators.map(({ address }, i) => [address, bonds[i] as bigint]));
  payers = await Promise.all([1, 2, 3, 4].map(() => ledger.createMember(1_000n * unit)));
  payees = await Promise.all([1, 2].map(() => ledger.createMember(2_000n * unit)));
  const { escrow, earnings, staking, token } = ledger.deployment;
  const cosigners = cosignersOf(ledger.deployment);
  const { shares, recipients } = await ledger.governor.parameters();
  const maker = payees[0] as Member;
  await publishModel(maker, models[0] as Hex);
  await ledger.governor.setDistribution({ shares: { ...shares, maker: 300 }, recipients });
  await takeRoster(ledger, validators);
  roster = await ledger.governor.currentRoster();
  const { router, validator, verification, treasury, license } = shares;
  rules = {
    ...{ escrow, earnings, staking, pool: ledger.treasury, treasury: ledger.treasury, license: ledger.treasury },
    votes: [...votes.values()].reduce((sum, one) => sum + one, 0n),
    shares: {
      ...{ routerBps: router, validatorBps: validator, verificationBps: verification },
      ...{ treasuryBps: treasury, licenseBps: license, recycleBps: 0, makerBps: 300 },
    },
    ...{ cosigners, makers: new Map([[models[0] as string, maker.address as string]]) },
    ...{
      withdrawalDelay: BigInt(DELAY_S),
      unbondingDelay: BigInt(UNBONDING_S),
      period: BigInt(PERIOD_S),
      appeal: BigInt(APPEAL_S),
      entrance: 5_000n,
    },
  };
  const allow = ({ client }: Member, spender: Address) => {
    const args = [spender, maxUint256] as const;
    const data = encodeFunctionData({ abi: ogongTokenAbi, functionName: 'approve', args });
    return client.transactor.send('approve', token, data);
  };
  for (const one of payers) await allow(one, escrow);
  for (const one of payees) for (const spender of [staking, earnings]) await allow(one, spender);
  // From here on a block comes when the test says so.
  await ledger.chain.setBlockTime(100_000);
}, 120_000);
afterAll(() => ledger?.stop());

let beginning: unknown;
beforeEach(async () => {
  if (beginning !== undefined) await rpc(['evm_revert', [beginning]]);
  [beginning] = await rpc(['evm_snapshot', []]);
});

describe('money through the contracts', () => {
  it('is where the book has it, after each block, whatever crashes, comes twice or is reorganised', async () => {
    const flow = await openFlow(SEED);
    // All of it happened, so that none of it held by default. How much time passes between two blocks is the machine's to say.
    const isShort = () => Object.values(flow.counts).some((count) => count === 0);
    while (flow.counts.deeds < DEEDS || (isShort() && flow.counts.deeds < 4 * DEEDS)) await flow.step();
    console.log(`money flow from seed ${SEED}: ${JSON.stringify(flow.counts)}`);
    for (const [what, count] of Object.entries(flow.counts)) expect(count, what).toBeGreaterThan(0);
  }, 3_600_000);

  it('is seen to be elsewhere, where the book is off by one unit', async () => {
    const flow = await openFlow(SEED + 1);
    for (let i = 0; i < 20; i++) await flow.step();
    flow.book().credit.set(ledger.treasury, (flow.book().credit.get(ledger.treasury) ?? 0n) + 1n);
    await expect(flow.reconcile()).rejects.toThrow();
  }, 120_000);
});

/** The book begins with what the chain has. */
async function openFlow(seed: number) {
  const draw = createSeededRandom(seed);
  const below = (bound: number): number => Math.floor(draw() * bound);
  const isDrawn = (chance: number): boolean => draw() < chance;
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const part = (amount: bigint): bigint => (amount * BigInt(below(1_001))) / 1_000n;
  const counts = {
    deeds: 0,
    done: 0,
    refused: 0,
    duplicates: 0,
    crashes: 0,
    reorganisations: 0,
    lost: 0,
    settlements: 0,
    cosigned: 0,
    priorities: 0,
    keyBonds: 0,
    leftBonds: 0,
    forfeits: 0,
  };
  const accounts = [...payers, ...validators, ...payees];
  const sign = new Map(accounts.map(({ address, privateKey }) => [address, privateKeyToAccount(privateKey)]));
  const nonces = new Map<string, number>();
  const points: Point[] = [];
  const { chainId, escrow, settlement, earnings, staking, token } = ledger.deployment;
  const holders: readonly Address[] = [
    ...accounts.map(({ address }) => address),
    ...[escrow, earnings, staking, rules.cosigners as Address, ledger.treasury],
  ];
  const domainOf = (contract: string) => ({ chainId: BigInt(chainId), verifyingContract: bytes(contract) });
  let book = await readBook();

  async function readNonces(): Promise<void> {
    const found = await rpc(
      ...accounts.map(({ address }) => ['eth_getTransactionCount', [address, 'latest']] as const),
    );
    for (const [i, { address }] of accounts.entries()) nonces.set(address, Number(found[i]));
  }

  function drawDeed(): MoneyDeed {
    const payer = pick(payers).address;
    const to = pick(validators).address;
    const { admitted, spent, releasing } = channelIn(book, payer, to);
    const free = book.free.get(payer) ?? 0n;
    // One in twenty asks for a unit more than there is.
    const more = isDrawn(0.05) ? 1n : 0n;
    const providerId = pick(providerIds);
    const payee = pick(payees).address;
    switch (below(15)) {
      case 0:
        return { kind: 'deposit', from: payer, amount: part((book.tokens.get(payer) ?? 0n) / 4n) };
      case 1:
        return { kind: 'withdraw', from: payer, amount: more === 1n ? free + 1n : part(free / 2n) };
      case 2:
        return { kind: 'admit', from: payer, to, amount: more === 1n ? free + 1n : part(free) };
      case 3:
        return { kind: 'request', from: payer, to, amount: part((admitted - spent) / 2n) + more * (admitted - spent) };
      case 4:
        return { kind: releasing === 0n && more === 0n ? 'claim' : 'finish', from: payer, to };
      case 5:
        return { kind: 'claim', from: pick([...validators, ...payees]).address };
      case 6:
        return { kind: 'earnings', from: payer, providerId, payee };
      case 7:
        return { kind: 'collect', from: to, providerId, payee };
      case 8:
        return drawCosigned(payer) ?? { kind: 'claim', from: to };
      case 9:
        return drawPriority(payee, more);
      case 10:
      case 11:
        return drawKeyBond(payee, providerId, more);
      default:
        return { kind: 'settle', from: to, settlement: drawSettlement(to) };
    }
  }

  function drawPriority(from: Address, more: bigint): MoneyDeed {
    const { amount, leaving } = stakeIn(book.priorities, from);
    if (leaving > 0n && isDrawn(0.5)) return { kind: 'finishPriority', from };
    if (isDrawn(0.4)) return { kind: 'deprioritize', from, amount: part(amount) + more * amount };
    return { kind: 'prioritize', from, amount: part((book.tokens.get(from) ?? 0n) / 8n) };
  }

  /** Also of keys that are ejected, before and after that is final. */
  function drawKeyBond(from: Address, providerId: Hex, more: bigint): MoneyDeed {
    const { amount, leaving } = stakeIn(book.keyBonds, `${providerId} ${from}`);
    if (book.ejected.has(providerId) && isDrawn(0.5)) return { kind: 'forfeit', from, providerId, payee: from };
    if (leaving > 0n && isDrawn(0.6)) return { kind: 'finishKey', from, providerId };
    if (isDrawn(0.4)) return { kind: 'unbondKey', from, providerId, amount: part(amount) + more * amount };
    return { kind: 'bondKey', from, providerId, amount: part((book.tokens.get(from) ?? 0n) / 8n) };
  }

  /** Also of days that are not over, and of parts that are claimed. */
  function drawCosigned(from: Address): MoneyDeed | undefined {
    const days = [...book.pots.keys()].map((key) => BigInt(key.split(' ')[1] ?? '0'));
    if (days.length === 0) return undefined;
    return { kind: 'cosigned', from, roster, day: pick(days), account: pick(validators).address };
  }

  function drawSettlement(validator: Address): BookedSettlement {
    const debits = payers
      .filter(() => isDrawn(0.6))
      .map(({ address: payer }) => {
        const { admitted, spent } = channelIn(book, payer, validator);
        const amount = part((admitted - spent) / 3n) + (isDrawn(0.01) ? admitted - spent : 0n);
        const drawnToo = spent + amount;
        // A voucher of less than is drawn.
        return {
          payer,
          amount,
          cumulative: drawnToo > 0n && isDrawn(0.02) ? drawnToo - 1n : drawnToo + BigInt(below(3)),
        };
      })
      .sort((a, b) => (a.payer < b.payer ? -1 : 1));
    const gross = debits.reduce((sum, { amount }) => sum + amount, 0n) + (isDrawn(0.02) ? 1n : 0n);
    const cut = part(gross);
    const lines = [cut, gross - cut].map((amount) => ({
      ...{ providerId: pick(providerIds), payee: pick(payees).address, gross: amount },
      ...{ router: isDrawn(0.3) ? NOBODY : pick(payees).address, fine: isDrawn(0.2) ? part(amount) : 0n },
      modelRoot: pick(models),
    }));
    // One of them may be away, and it may be one that the quorum needs.
    const absent = isDrawn(0.4) ? validators[0]?.address : isDrawn(0.05) ? pick(validators).address : undefined;
    const sequence = (book.sequences.get(validator) ?? 0n) + (isDrawn(0.05) ? BigInt(below(3)) : 1n);
    return {
      ...{ validator, sequence, debits, lines },
      // The last one stays, so that a long run has bonds of keys to its end.
      ejections: isDrawn(0.1) ? [pick(providerIds.slice(0, -1))] : [],
      signed: { roster, votes: [...votes].filter(([account]) => account !== absent) },
      tallies: isDrawn(0.5) ? payees.map(({ address: payee }) => ({ payee, credits: below(4) })) : [],
    };
  }

  function encodeSettlement(booked: BookedSettlement): Hex {
    const { validator, sequence } = booked;
    const word = new Uint8Array(32).fill(7);
    const batch = {
      ...{ validator: bytes(validator), sequence, logHead: word, logLength: 0n, recordsRoot: word, replies: 1 },
    };
    const debits = booked.debits.map(({ payer, amount, cumulative }) => {
      const voucher = { payer: bytes(payer), validator: bytes(validator), cumulativeAtomic: cumulative };
      const key = payers.find(({ address }) => address === payer)?.privateKey ?? '0x';
      const digest = hashVoucher(crypto, domainOf(escrow), voucher, bytes(termsHash));
      const signature = createNodeLedgerSigner(bytes(key)).signDigest(digest);
      return { payer: bytes(payer), amount, cumulative, termsHash: bytes(termsHash), signature };
    });
    const lines = booked.lines.map((line) => ({
      ...line,
      ...{ providerId: bytes(line.providerId), payee: bytes(line.payee), router: bytes(line.router) },
      modelRoot: bytes(line.modelRoot),
    }));
    const ejections = booked.ejections.map(bytes);
    const tallies = booked.tallies.map(({ payee, credits }) => ({ payee: bytes(payee), credits, refuted: 0 }));
    const digest = hashSettlement(crypto, domainOf(settlement), { batch, debits, lines, ejections, tallies });
    const signers = booked.signed?.votes.map(([account]) => account) ?? [];
    const quorum = validators
      .filter(({ address }) => signers.includes(address))
      .sort((a, b) => (a.address < b.address ? -1 : 1))
      .map(({ privateKey }) => createNodeLedgerSigner(bytes(privateKey)).signDigest(digest));
    return encodeSettle({ batch, debits, lines, ejections, tallies, quorum });
  }

  function encodeDeed(deed: MoneyDeed): readonly [to: Address, data: Hex] {
    const inEscrow = (functionName: string, args: readonly unknown[]) =>
      [escrow, encodeFunctionData({ abi: escrowAbi, functionName, args } as never)] as const;
    const inEarnings = (functionName: string, args: readonly unknown[]) =>
      [earnings, encodeFunctionData({ abi: earningsAbi, functionName, args } as never)] as const;
    const inStaking = (functionName: string, args: readonly unknown[]) =>
      [staking, encodeFunctionData({ abi: stakingAbi, functionName, args } as never)] as const;
    switch (deed.kind) {
      case 'deposit':
      case 'withdraw':
        return inEscrow(deed.kind, [deed.amount]);
      case 'admit':
        return inEscrow('admit', [deed.to, deed.amount]);
      case 'request':
        return inEscrow('requestRelease', [deed.to, deed.amount]);
      case 'finish':
        return inEscrow('finishRelease', [deed.to]);
      case 'claim':
        return inEscrow('claim', []);
      case 'earnings':
        return inEarnings('withdraw', [deed.providerId, deed.payee]);
      case 'collect':
      case 'forfeit':
        return inEarnings(deed.kind, [deed.providerId, deed.payee]);
      case 'prioritize':
        return inStaking('prioritize', [deed.amount]);
      case 'deprioritize':
        return inStaking('requestDeprioritize', [deed.amount]);
      case 'finishPriority':
        return inStaking('finishDeprioritize', []);
      case 'bondKey':
        return inEarnings('bond', [deed.providerId, deed.amount]);
      case 'unbondKey':
        return inEarnings('requestUnbond', [deed.providerId, deed.amount]);
      case 'finishKey':
        return inEarnings('finishUnbond', [deed.providerId]);
      case 'cosigned': {
        const places = validators.map(({ address }) => address).sort();
        const part = { roster, day: Number(deed.day), member: places.indexOf(deed.account as Address) };
        return [
          rules.cosigners as Address,
          encodeFunctionData({ abi: cosignersAbi, functionName: 'claim', args: [[part]] }),
        ];
      }
      case 'settle':
        return [settlement, encodeSettlement(deed.settlement)];
    }
  }

  async function signDeed(deed: MoneyDeed): Promise<Sending> {
    const [to, data] = encodeDeed(deed);
    const nonce = nonces.get(deed.from) as number;
    nonces.set(deed.from, nonce + 1);
    // Blocks are ordered by what is paid for a place.
    const tip = BigInt(1 + below(1_000)) * 10n ** 6n;
    const raw = await (sign.get(deed.from as Address) as ReturnType<typeof privateKeyToAccount>).signTransaction({
      ...{ to, data, nonce, gas: GAS, chainId, type: 'eip1559' },
      ...{ maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: tip },
    });
    return { deed, raw, hash: `0x${toHex(crypto.keccak256(bytes(raw)))}` };
  }

  /** Sends in any order, some of it twice, and mines it. */
  async function sendAll(sendings: readonly Sending[]): Promise<void> {
    const shuffled = sendings.map((one) => [draw(), one] as const).sort((a, b) => a[0] - b[0]);
    const calls = shuffled.flatMap(([, { raw }]) => {
      const isTwice = isDrawn(0.1);
      if (isTwice) counts.duplicates++;
      return Array<readonly [string, readonly unknown[]]>(isTwice ? 2 : 1).fill(['eth_sendRawTransaction', [raw]]);
    });
    await rpc(...calls);
    await rpc(['evm_mine', []]);
    await applyBlock(sendings);
  }

  /** In the order of the block, the book does what the chain did, and refuses what it refused. */
  async function applyBlock(sendings: readonly Sending[]): Promise<void> {
    const [block] = await rpc(['eth_getBlockByNumber', ['latest', false]]);
    const { transactions, timestamp } = block as { transactions: Hex[]; timestamp: Hex };
    const receipts = await rpc(...transactions.map((hash) => ['eth_getTransactionReceipt', [hash]] as const));
    expect([...transactions].sort()).toEqual(sendings.map(({ hash }) => hash).sort());
    for (const [i, hash] of transactions.entries()) {
      const { deed } = sendings.find((one) => one.hash === hash) as Sending;
      const isDone = (receipts[i] as { status: Hex }).status === '0x1';
      const isOfPot = deed.kind === 'cosigned';
      const hadPart = isOfPot && (book.pots.get(`${deed.roster} ${deed.day}`)?.own.get(deed.account) ?? 0n) > 0n;
      expect([deed.kind, applyDeed(book, rules, deed, BigInt(timestamp))], JSON.stringify(deed, toText)).toEqual([
        deed.kind,
        isDone,
      ]);
      counts.deeds++;
      if (isDone) counts.done++;
      else counts.refused++;
      if (isDone && deed.kind === 'settle') counts.settlements++;
      if (isDone && hadPart) counts.cosigned++;
      if (isDone && deed.kind === 'finishPriority') counts.priorities++;
      if (isDone && deed.kind === 'bondKey') counts.keyBonds++;
      if (isDone && deed.kind === 'finishKey') counts.leftBonds++;
      if (isDone && deed.kind === 'forfeit') counts.forfeits++;
    }
  }

  /** The chain goes back; what it had comes again in another order, and some of it never. */
  async function reorganise(): Promise<void> {
    const depth = 1 + below(Math.min(DEPTH, points.length));
    const point = points[points.length - depth] as Point;
    const again = points.slice(-depth).flatMap(({ sent }) => sent);
    points.length -= depth;
    await rpc(['evm_revert', [point.snapshot]]);
    book = structuredClone(point.book);
    await readNonces();
    counts.reorganisations++;
    const lost = new Set<string>();
    const kept = again.filter(({ deed: { from } }) => {
      // What comes after a transaction that is lost waits for it, for ever.
      if (!lost.has(from) && isDrawn(0.15)) lost.add(from);
      if (lost.has(from)) counts.lost++;
      return !lost.has(from);
    });
    await send(kept);
    await readNonces();
  }

  async function send(sendings: readonly Sending[]): Promise<void> {
    const [snapshot] = await rpc(['evm_snapshot', []]);
    points.push({ snapshot: snapshot as Hex, book: structuredClone(book), sent: sendings });
    if (points.length > DEPTH) points.shift();
    await sendAll(sendings);
    await reconcile();
  }

  async function step(): Promise<void> {
    if (isDrawn(0.2)) await rpc(['evm_increaseTime', [below(2 * PERIOD_S)]]);
    // What co-signers share is theirs when its day is over.
    if (isDrawn(0.05)) await rpc(['evm_increaseTime', [86_400]]);
    const deeds = Array.from({ length: 1 + below(6) }, drawDeed);
    // Whoever crashed has forgotten what it sent, and sends it again under a new number.
    const again = deeds.filter(({ kind }) => kind === 'settle' && isDrawn(0.2));
    counts.crashes += again.length;
    const sendings: Sending[] = [];
    for (const deed of [...deeds, ...again]) sendings.push(await signDeed(deed));
    await send(sendings);
    if (isDrawn(0.08)) await reorganise();
    if (isDrawn(0.05)) {
      counts.crashes++;
      await readNonces();
    }
  }

  /** Everything that anybody has, by the chain and by the book, and that nothing came or went. */
  async function reconcile(): Promise<void> {
    const { chain, now } = await readChain();
    expect(describeBook(book, now)).toEqual(chain);
    const value = (name: string): bigint => BigInt(chain[name] ?? '0');
    const sum = (prefix: string): bigint =>
      Object.keys(chain).reduce((total, name) => (name.startsWith(prefix) ? total + value(name) : total), 0n);
    expect(value(`tokens ${escrow}`)).toBe(sum('free ') + sum('reserved ') + sum('credit '));
    expect(value(`tokens ${earnings}`) + value(`credit ${earnings}`)).toBe(sum('held ') + sum('bonded '));
    expect(value(`tokens ${staking}`)).toBe(sum('priority ') + rules.votes);
  }

  async function readChain(): Promise<{ readonly chain: Record<string, string>; readonly now: bigint }> {
    const queries = listQueries();
    const calls = queries.map(({ to, data }) => ['eth_call', [{ to, data }, 'latest']] as const);
    const [block, ...found] = await rpc(['eth_getBlockByNumber', ['latest', false]], ...calls);
    const chain = Object.fromEntries(queries.flatMap(({ read }, i) => read(found[i] as Hex)));
    return { chain, now: BigInt((block as { timestamp: Hex }).timestamp) };
  }

  function listQueries() {
    const one = (name: string, to: Address, abi: unknown, functionName: string, args: readonly unknown[]) => ({
      to,
      data: encodeFunctionData({ abi, functionName, args } as never),
      read: (data: Hex): [string, string][] => [
        [name, String(decodeFunctionResult({ abi, functionName, data } as never))],
      ],
    });
    const channels = payers.flatMap(({ address: payer }) =>
      validators.map(({ address: validator }) => ({
        to: escrow,
        data: encodeFunctionData({ abi: escrowAbi, functionName: 'channelOf', args: [payer, validator] }),
        read(data: Hex): [string, string][] {
          const found = decodeFunctionResult({ abi: escrowAbi, functionName: 'channelOf', data });
          return [
            [`reserved ${payer} ${validator}`, `${found.admitted - found.spent}`],
            [`spent ${payer} ${validator}`, `${found.spent}`],
            [`releasing ${payer} ${validator}`, `${found.releasing}`],
          ];
        },
      })),
    );
    const held = providerIds.flatMap((id) =>
      payees.map(({ address: payee }) => ({
        to: earnings,
        data: encodeFunctionData({ abi: earningsAbi, functionName: 'balanceOf', args: [id, payee] }),
        read(data: Hex): [string, string][] {
          const found = decodeFunctionResult({ abi: earningsAbi, functionName: 'balanceOf', data });
          return [
            [`held ${id} ${payee}`, `${found.earned - found.paid - found.collected}`],
            [`withdrawable ${id} ${payee}`, `${found.withdrawable}`],
            [`collectable ${id} ${payee}`, `${found.collectable}`],
          ];
        },
      })),
    );
    const keyBonds = providerIds.flatMap((id) =>
      payees.map(({ address: payee }) => ({
        to: earnings,
        data: encodeFunctionData({ abi: earningsAbi, functionName: 'bondOf', args: [id, payee] }),
        read(data: Hex): [string, string][] {
          const [bonded, leaving] = decodeFunctionResult({ abi: earningsAbi, functionName: 'bondOf', data });
          return [[`bonded ${id} ${payee}`, `${bonded + leaving}`]];
        },
      })),
    );
    const forfeits = providerIds.flatMap((id) =>
      payees.map(({ address: payee }) => one(`taken ${id} ${payee}`, earnings, earningsAbi, 'forfeitOf', [id, payee])),
    );
    const priorities = payees.map(({ address: payee }) => ({
      to: staking,
      data: encodeFunctionData({ abi: stakingAbi, functionName: 'priorityOf', args: [payee] }),
      read(data: Hex): [string, string][] {
        const { amount, leaving } = decodeFunctionResult({ abi: stakingAbi, functionName: 'priorityOf', data });
        return [
          [`priority ${payee}`, `${amount + leaving}`],
          [`weight ${payee}`, `${amount}`],
        ];
      },
    }));
    return [
      ...holders.map((who) => one(`tokens ${who}`, token, ogongTokenAbi, 'balanceOf', [who])),
      ...payers.map(({ address: who }) => one(`free ${who}`, escrow, escrowAbi, 'freeOf', [who])),
      ...holders.map((who) => one(`credit ${who}`, escrow, escrowAbi, 'creditOf', [who])),
      ...channels,
      ...held,
      ...keyBonds,
      ...forfeits,
      ...priorities,
    ];
  }

  function describeBook(from: MoneyBook, now: bigint): Record<string, string> {
    const described: Record<string, string> = {};
    for (const who of holders) {
      described[`tokens ${who}`] = `${from.tokens.get(who) ?? 0n}`;
      described[`credit ${who}`] = `${from.credit.get(who) ?? 0n}`;
    }
    for (const { address: payer } of payers) {
      described[`free ${payer}`] = `${from.free.get(payer) ?? 0n}`;
      for (const { address: validator } of validators) {
        const { admitted, spent, releasing } = channelIn(from, payer, validator);
        described[`reserved ${payer} ${validator}`] = `${admitted - spent}`;
        described[`spent ${payer} ${validator}`] = `${spent}`;
        described[`releasing ${payer} ${validator}`] = `${releasing}`;
      }
    }
    for (const id of providerIds) {
      for (const { address: payee } of payees) {
        const { earned, paid, collected, withdrawable, collectable } = balanceIn(from, rules, id, payee, now);
        described[`held ${id} ${payee}`] = `${earned - paid - collected}`;
        described[`withdrawable ${id} ${payee}`] = `${withdrawable}`;
        described[`collectable ${id} ${payee}`] = `${collectable}`;
        const { amount, leaving } = stakeIn(from.keyBonds, `${id} ${payee}`);
        described[`bonded ${id} ${payee}`] = `${amount + leaving}`;
        described[`taken ${id} ${payee}`] = `${forfeitIn(from, rules, [id, payee], now)}`;
      }
    }
    for (const { address: payee } of payees) {
      const { amount, leaving } = stakeIn(from.priorities, payee);
      described[`priority ${payee}`] = `${amount + leaving}`;
      described[`weight ${payee}`] = `${amount}`;
    }
    return described;
  }

  /** Of a chain on which nothing was settled yet. */
  async function readBook(): Promise<MoneyBook> {
    const begun = createMoneyBook();
    const { chain } = await readChain();
    for (const [name, text] of Object.entries(chain)) {
      const [what = '', who = ''] = name.split(' ');
      if (what === 'tokens') begun.tokens.set(who, BigInt(text));
    }
    await readNonces();
    return begun;
  }

  return { counts, step, reconcile, book: () => book };
}

const toText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);
