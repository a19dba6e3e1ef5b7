import type { Anchor, Channel, NetworkParameters } from '@ogong/chain/client';
import { defaultLimits, defaultTests, type Holding, noWork, profiles } from '@ogong/chain/deploy/deploy';
import type { Deployment } from '@ogong/chain/deployment';
import { ChainError } from '@ogong/chain/errors';
import { type Address, type BytesLike, toAddress, toHex as toPrefixed } from '@ogong/chain/hex';
import type { SettleCall } from '@ogong/chain/settlement/settle-call';
import type { ActivateCall, BeaconKeysReading } from '@ogong/chain/validators/beacon-keys';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { SetMember } from '@ogong/protocol/beacon/validator-set';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashVoucher, type LedgerDomain } from '@ogong/protocol/exchange/order';
import { hashSettlement } from '@ogong/protocol/settlement/batch';
import { splitJudged } from '@ogong/protocol/settlement/cosigned-pot';
import { createFakeBeaconKeys } from '@ogong/testing/chain/fake-beacon-keys';
import { fakeBls } from '@ogong/testing/protocol/fake-bls';
import { createShortfalls } from './shortfalls.ts';

export interface LedgerMember extends SetMember {
  readonly endpoint: string;
  readonly certHash: Uint8Array;
  readonly vrfKey: Uint8Array;
}

interface LedgerChannel {
  admitted: bigint;
  spent: bigint;
}

/** A settlement that the ledger took. */
export interface Settled {
  readonly call: SettleCall;
  readonly block: number;
  readonly atMs: number;
  readonly gross: bigint;
  readonly transactionHash: `0x${string}`;
}

export interface LedgerOptions {
  readonly crypto: Crypto;
  /** Now, ms since the beginning. */
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  /** Length of an epoch where the network has a threshold beacon, whole seconds. */
  readonly beaconPeriodS?: number | undefined;
  /** Parts per million of all replies that are audited at least. Default: all. */
  readonly alphaPpm?: number | undefined;
  /** Parts per million of an epoch for each provider and validator, of jobs with a deadline. Default: none. */
  readonly timedRate?: number | undefined;
  /** The same of answers that validators buy as tests. Default: the usual rate. */
  readonly canaryRate?: number | undefined;
  /** Default: earnings are not held, and nobody is a newcomer. */
  readonly holding?: Holding | undefined;
}

/** A provider's key, and the payee that it earns for. */
export interface EarningAccount {
  readonly providerId: BytesLike;
  readonly payee: BytesLike;
}

const account = (fill: number): Address => `0x${fill.toString(16).padStart(2, '0').repeat(20)}`;
const bytesOf = (address: Address): Uint8Array => fromHex(address.slice(2), 20);

/** Of a network with the bootstrap beacon alone. */
const bare: Deployment = {
  chainId: 31_337,
  token: account(0xd1),
  parameters: account(0xd2),
  staking: account(0xd3),
  registry: account(0xd4),
  escrow: account(0xd5),
  settlement: account(0xd6),
  models: account(0xd7),
  earnings: account(0xd8),
  cases: account(0xd9),
  hearings: account(0xda),
  equivocation: account(0xdb),
  block: 1,
};

const chainId = BigInt(bare.chainId);
export const escrowDomain: LedgerDomain = { chainId, verifyingContract: bytesOf(bare.escrow) };
export const settlementDomain: LedgerDomain = { chainId, verifyingContract: bytesOf(bare.settlement) };
const NO_HASH = `0x${'00'.repeat(32)}` as const;
const recipients = { verification: account(0xf1), treasury: account(0xf2), license: account(0xf3) };
/** A network without emission, all of whose replies are audited. */
const { shares: SHARES, alpha: ALPHA } = profiles.whitepaper;
const BASIS = 10_000n;
export const BLOCK_MS = 2_000;
const KEPT_BLOCKS = 32n;
const NO_CHANNEL: LedgerChannel = { admitted: 0n, spent: 0n };

const key = (value: BytesLike): string => toPrefixed(value, 'name');
function refuse(name: string, ...args: unknown[]): never {
  throw new ChainError('reverted', `refused with ${name}`, { revert: { name, args } });
}

/**
 * The rules of the contracts that a run depends on (docs/spec/settlement.md): escrow and channels, quorum of votes, sequences,
 * shares, ejections, stake. Not their gas, withdrawals, liens, held earnings and appeals.
 */
export function createLedger({ crypto, nowMs, wallMs, beaconPeriodS, ...rates }: LedgerOptions) {
  const { alphaPpm: alpha = ALPHA, timedRate = defaultTests.timedRate, canaryRate = defaultTests.canaryRate } = rates;
  const { holding = { period: 0, entrance: 0n, growth: 0 } } = rates;
  const wallets = new Map<string, bigint>();
  const free = new Map<string, bigint>();
  const credits = new Map<string, bigint>();
  const channels = new Map<string, LedgerChannel>();
  const anchors = new Map<string, Anchor>();
  const ejected = new Map<string, number>();
  const refuted = new Map<string, number>();
  const stakes = new Map<string, bigint>();
  const priorities = new Map<string, bigint>();
  /** Bonds of keys from before the first block, by provider and payee. */
  const keyBonds = new Map<string, bigint>();
  /** Earnings of keys, by provider, payee and period. */
  const earned = new Map<string, bigint>();
  const routers = new Map<string, { ticketKey: `0x${string}`; since: bigint; until: bigint }>();
  const registry: { readonly block: bigint; readonly members: readonly LedgerMember[] }[] = [];
  const settled: Settled[] = [];
  const shortfalls = createShortfalls();
  let minted = 0n;
  const beaconKeys =
    beaconPeriodS === undefined
      ? undefined
      : createFakeBeaconKeys({
          ...{ network: { chainId, settlement: bytesOf(bare.settlement) }, crypto, bls: fakeBls },
          ...{ periodSeconds: beaconPeriodS, originSeconds: Math.floor(wallMs() / 1_000) },
          nowSeconds: () => wallMs() / 1_000,
          voters: () =>
            members().map(({ address, signingKey, stake }) => ({ account: address, signingKey, votes: stake })),
        });
  const beaconClient = (sender: BytesLike) => beaconKeys?.connect(toAddress(sender, 'sender')) ?? refuse('NoBeacon');

  const get = <K>(map: Map<K, bigint>, name: K): bigint => map.get(name) ?? 0n;
  const add = <K>(map: Map<K, bigint>, name: K, amount: bigint): void => void map.set(name, get(map, name) + amount);
  const block = (): bigint => 1n + BigInt(Math.floor(nowMs() / BLOCK_MS));
  const channelKey = (payer: BytesLike, validator: BytesLike): string => `${key(payer)} ${key(validator)}`;
  const members = (at: bigint = block()): readonly LedgerMember[] =>
    registry.findLast((one) => one.block <= at)?.members ?? [];

  function findChannel(payer: BytesLike, validator: BytesLike): LedgerChannel {
    const name = channelKey(payer, validator);
    const known = channels.get(name) ?? { ...NO_CHANNEL };
    channels.set(name, known);
    return known;
  }

  function changeChannel(name: string, change: Partial<LedgerChannel>, wasUndone = false): void {
    const channel = channels.get(name) ?? NO_CHANNEL;
    const before = channel.admitted;
    channels.set(name, { ...channel, ...change });
    shortfalls.note(name, { ...channel, ...change }, { atMs: nowMs(), before, wasUndone });
  }

  function assertQuorum(call: SettleCall): void {
    const digest = hashSettlement(crypto, settlementDomain, call as Parameters<typeof hashSettlement>[2]);
    const listed = members();
    const total = listed.reduce((sum, { stake }) => sum + stake, 0n);
    let signed = 0n;
    let previous = '';
    for (const [index, signature] of call.quorum.entries()) {
      const signer = crypto.recoverAddress(digest, signature as Uint8Array);
      if (signer === undefined) refuse('BadQuorumSignature', BigInt(index));
      if (key(signer) <= previous) refuse('UnsortedSigners', previous, key(signer));
      previous = key(signer);
      signed += listed.find(({ signingKey }) => key(signingKey) === key(signer))?.stake ?? 0n;
    }
    if (3n * signed <= 2n * total) refuse('NoQuorum', signed, total);
  }

  function draw(
    validator: BytesLike,
    { payer, amount, cumulative, termsHash, signature }: SettleCall['debits'][number],
  ) {
    const voucher = { payer: payer as Uint8Array, validator: validator as Uint8Array, cumulativeAtomic: cumulative };
    const digest = hashVoucher(crypto, escrowDomain, voucher, termsHash as Uint8Array);
    if (!crypto.verifyAddress(digest, signature as Uint8Array, payer as Uint8Array)) refuse('BadPayerSignature', payer);
    const channel = findChannel(payer, validator);
    const spent = channel.spent + amount;
    if (spent > cumulative) refuse('VoucherExceeded', payer, spent, cumulative);
    if (spent > channel.admitted) refuse('AllowanceExceeded', payer, spent, channel.admitted);
    return () => changeChannel(channelKey(payer, validator), { spent });
  }

  const periodAt = (timeMs: number): number => (holding.period === 0 ? 0 : Math.floor(timeMs / 1_000 / holding.period));
  const accountKey = ({ providerId, payee }: EarningAccount): string => `${key(providerId)} ${key(payee)}`;

  /** Sums the earnings of a key up to the end of a period. */
  function earnedUntil(account: EarningAccount, period: number): bigint {
    const own = `${accountKey(account)} `;
    return [...earned]
      .filter(([name]) => name.startsWith(own) && Number(name.slice(own.length)) <= period)
      .reduce((sum, [, amount]) => sum + amount, 0n);
  }

  /** Returns the earnings of a key in a period that is over, without the entrance amount. */
  function earnedIn(account: EarningAccount, period: number): bigint {
    if (period >= periodAt(wallMs())) refuse('PeriodNotOver', periodAt(wallMs()));
    const above = (amount: bigint): bigint => (amount > holding.entrance ? amount - holding.entrance : 0n);
    return above(earnedUntil(account, period)) - above(earnedUntil(account, period - 1));
  }

  /** All parts of a batch, by their recipient, and those of payees by key and period. */
  function split({ batch, lines, tallies }: SettleCall): {
    readonly parts: Map<string, bigint>;
    readonly own: Map<string, bigint>;
  } {
    const own = new Map<string, bigint>();
    const parts = new Map<string, bigint>();
    let pool = 0n;
    let judged = 0n;
    for (const line of lines) {
      const fine = line.fine ?? 0n;
      if (fine > line.gross) refuse('FineAboveGross', fine, line.gross);
      const shared = line.gross - fine;
      const part = (share: number): bigint => (shared * BigInt(share)) / BASIS;
      const toRouter = /^0x0+$/.test(key(line.router)) ? 0n : part(SHARES.router);
      const { validator, verification, treasury, license } = SHARES;
      add(parts, key(line.router), toRouter);
      judged += part(validator);
      add(parts, recipients.treasury, part(treasury));
      add(parts, recipients.license, part(license));
      pool += fine + part(verification);
      const earns = shared - toRouter - part(validator) - part(verification) - part(treasury) - part(license);
      add(parts, key(line.payee), earns);
      add(own, `${accountKey(line)} ${periodAt(wallMs())}`, earns);
    }
    const total = BigInt(tallies.reduce((sum, one) => sum + one.credits, 0));
    let left = pool;
    for (const tally of tallies) {
      const part = total === 0n ? 0n : (pool * BigInt(tally.credits)) / total;
      left -= part;
      add(parts, key(tally.payee), part);
    }
    const { handler, others } = splitJudged(judged);
    add(parts, key(batch.validator), handler);
    // A run takes no roster, so nobody has the others' part.
    add(parts, recipients.verification, left + others);
    return { parts, own };
  }

  /** Everything that a transaction may change. */
  function takeSnapshot() {
    const balances = [wallets, free, credits, stakes, priorities, earned].map((map) => new Map(map));
    const kept = new Map([...channels].map(([name, channel]) => [name, { ...channel }]));
    const rest = { anchors: new Map(anchors), ejected: new Map(ejected), refuted: new Map(refuted) };
    return { balances, channels: kept, ...rest, settled: settled.length, restoreKeys: beaconKeys?.takeSnapshot() };
  }

  function restore(before: ReturnType<typeof takeSnapshot>): void {
    const fill = <K, V>(map: Map<K, V>, from: ReadonlyMap<K, V>): void => {
      map.clear();
      for (const [name, value] of from) map.set(name, value);
    };
    for (const [index, map] of [wallets, free, credits, stakes, priorities, earned].entries()) {
      fill(map, before.balances[index] as ReadonlyMap<string, bigint>);
    }
    for (const name of channels.keys()) changeChannel(name, before.channels.get(name) ?? NO_CHANNEL, true);
    fill(anchors, before.anchors);
    fill(ejected, before.ejected);
    fill(refuted, before.refuted);
    settled.length = before.settled;
    before.restoreKeys?.();
  }

  interface Mined {
    readonly block: bigint;
    readonly before: ReturnType<typeof takeSnapshot>;
    readonly run: () => Promise<unknown>;
  }
  let mined: Mined[] = [];
  const forks: { readonly from: bigint }[] = [];

  /** Remembers each transaction, so that a reorganisation can take it back. */
  function remembering<A extends unknown[], R>(run: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
    return async (...args) => {
      const before = takeSnapshot();
      const result = await run(...args);
      const oldest = block() - KEPT_BLOCKS;
      mined = [...mined.filter((one) => one.block >= oldest), { block: block(), before, run: () => run(...args) }];
      return result;
    };
  }

  return {
    deployment: beaconKeys === undefined ? bare : { ...bare, beaconKeys: account(0xdc) },
    settled,
    ejected,
    refuted,
    members,
    block,
    /** The smallest balance of a channel since that time while a reorganisation had taken an admission back; undefined if none had. */
    leastWhileShort: (payer: BytesLike, validator: BytesLike, sinceMs: number): bigint | undefined =>
      shortfalls.leastSince(channelKey(payer, validator), sinceMs),
    /** Counts the reorganisations that replaced a block number. It tells apart blocks of the same number. */
    forkOf: (number: number): number => forks.filter(({ from }) => from <= BigInt(number)).length,
    /**
     * Removes the last blocks.
     * @returns their transactions, oldest first. Each call mines one again, unless the ledger refuses it now.
     */
    reorganise(depth: number): (() => Promise<void>)[] {
      const from = block() - BigInt(depth) + 1n;
      const gone = mined.filter((one) => one.block >= from);
      forks.push({ from });
      if (gone[0] === undefined) return [];
      restore(gone[0].before);
      mined = mined.filter((one) => one.block < from);
      return gone.map(({ run }) => async () => {
        await remembering(run)().catch((error: unknown) => {
          if (!(error instanceof ChainError)) throw error;
        });
      });
    },
    /** Sets the validators that the registry lists from the next block on. */
    register(listed: readonly LedgerMember[]): void {
      registry.push({ block: registry.length === 0 ? 0n : block() + 1n, members: listed });
    },
    /** Of somebody who is listed. */
    async registerKeys(address: Uint8Array, { box, head }: { box: Uint8Array; head: Uint8Array }): Promise<void> {
      if (beaconKeys === undefined) return;
      await beaconClient(address).registerBoxKey(box);
      await beaconClient(address).registerHeadKey(head);
    },
    registerRouter(address: Uint8Array, ticketKey: Uint8Array): void {
      routers.set(key(address), { ticketKey: toPrefixed(ticketKey, 'key'), since: 1n, until: 0n });
    },
    mint(owner: Uint8Array, amount: bigint): void {
      minted += amount;
      add(wallets, key(owner), amount);
    },
    stake(payee: Uint8Array, amount: bigint): void {
      minted += amount;
      stakes.set(key(payee), get(stakes, key(payee)) + amount);
    },
    prioritize(payee: Uint8Array, amount: bigint): void {
      minted += amount;
      add(priorities, key(payee), amount);
    },
    /** Before the first block. */
    bondKey(providerId: Uint8Array, payee: Uint8Array, amount: bigint): void {
      minted += amount;
      add(keyBonds, accountKey({ providerId, payee }), amount);
    },
    /** At most what a key holds for orders of that time: its bond, and all that it earned until then. */
    mostHeldBy: (account: EarningAccount, atMs: number): bigint =>
      get(keyBonds, accountKey(account)) + earnedUntil(account, periodAt(atMs)),
    creditOf: (owner: Uint8Array): bigint => get(credits, key(owner)),
    /** Sums all balances, for a comparison with the minted tokens. */
    audit(): { readonly there: bigint; readonly minted: bigint } {
      const sum = (map: Map<string, bigint>): bigint => [...map.values()].reduce((total, one) => total + one, 0n);
      const held = [...channels.values()].reduce((total, { admitted, spent }) => total + admitted - spent, 0n);
      return {
        there: sum(wallets) + sum(free) + sum(credits) + sum(stakes) + sum(priorities) + sum(keyBonds) + held,
        minted,
      };
    },
    reads: {
      async validatorsAt(at?: bigint) {
        const number = at ?? block();
        const validators = members(number).map(({ address, signingKey, stake, endpoint, certHash, vrfKey }) => ({
          ...{ account: toPrefixed(address, 'account'), signingKey: toPrefixed(signingKey, 'key'), stake, endpoint },
          ...{ certHash: toPrefixed(certHash, 'cert'), vrfKey: toPrefixed(vrfKey, 'vrf') },
        }));
        return { block: number, validators };
      },
      /** A reorganisation takes back no key that counts already: its activation is more than an epoch old, and no chain replaces that. */
      async beaconKeys(): Promise<BeaconKeysReading | undefined> {
        const reading = beaconKeys && (await beaconClient(bare.settlement).beaconKeys());
        return reading && { ...reading, block: block() };
      },
      boxKeyHashes: async (accounts: readonly BytesLike[]) => beaconClient(bare.settlement).boxKeyHashes(accounts),
      headKeyHashes: async (accounts: readonly BytesLike[]) => beaconClient(bare.settlement).headKeyHashes(accounts),
      boxKeyOf: async (owner: BytesLike) => beaconClient(bare.settlement).boxKeyOf(owner),
      async parameters(): Promise<NetworkParameters> {
        const current = { shares: SHARES, recipients };
        return {
          ...current,
          announced: { ...current, from: 0n },
          limits: { ...defaultLimits, alpha, withdrawalDelay: 86_400, minimumVerifierStake: 0n },
          holding,
          driftTable: { hash: NO_HASH, version: 0n },
          tests: { ...defaultTests, canaryRate, timedRate },
          work: noWork,
          greatestRates: { canary: canaryRate, timed: timedRate },
          verifierStakes: { now: 0n, least: 0n, greatest: 0n },
          verifierStakeFrom: 0,
        };
      },
      async channelOf(payer: BytesLike, validator: BytesLike): Promise<Channel> {
        const { admitted, spent } = findChannel(payer, validator);
        return { admitted, spent, releasing: 0n, releasableAt: 0n, spendable: admitted };
      },
      freeOf: async (payer: BytesLike) => get(free, key(payer)),
      balanceOf: async (owner: BytesLike) => get(wallets, key(owner)),
      /** Payers pay in the token. */
      paymentBalanceOf: async (owner: BytesLike) => get(wallets, key(owner)),
      async votesOf(accounts: readonly BytesLike[]) {
        const listed = members();
        const found = accounts.map((one) => listed.find(({ address }) => key(address) === key(one)));
        return {
          each: found.map((one) => one?.stake ?? 0n),
          signingKeys: found.map((one): Address => toPrefixed(one?.signingKey ?? new Uint8Array(20), 'key')),
          total: listed.reduce((sum, { stake }) => sum + stake, 0n),
        };
      },
      anchorOf: async (validator: BytesLike): Promise<Anchor> =>
        anchors.get(key(validator)) ?? { sequence: 0n, logLength: 0n, logHead: NO_HASH },
      isEjected: async (providerId: BytesLike) => ejected.has(key(providerId)),
      ejectionOf: async (providerId: BytesLike) => ({
        since: BigInt(ejected.get(key(providerId)) ?? 0),
        count: ejected.has(key(providerId)) ? 1 : 0,
      }),
      /** Nobody appeals. */
      hearingsOpened: async () => ({ subjects: [], next: 0n, now: BigInt(Math.floor(wallMs() / 1_000)) }),
      routerOf: async (address: BytesLike) => routers.get(key(address)),
      coverageSince: async () => ({ leastPpm: alpha, asOfMs: wallMs() }),
      /** No bond bounds what is on its way: earnings are not held here. */
      unvested: async () => undefined,
      stakeOf: async (payee: BytesLike) => get(stakes, key(payee)),
      stakesOf: async (payees: readonly BytesLike[]) => payees.map((payee) => get(stakes, key(payee))),
      prioritiesOf: async (payees: readonly BytesLike[]) => payees.map((payee) => get(priorities, key(payee))),
      lockedOf: async (payee: BytesLike) => get(stakes, key(payee)) + get(priorities, key(payee)),
      backingOf: async (payee: BytesLike) => get(stakes, key(payee)),
      lienOf: async () => ({ cumulative: 0n, until: 0n }),
      keyLimitOf: async () => 0n,
      heldIn: async (providerId: BytesLike, payee: BytesLike, period: number) =>
        earnedIn({ providerId, payee }, period) + get(keyBonds, accountKey({ providerId, payee })),
      async paidTo(payee: BytesLike, validator: BytesLike, fromBlock: number | undefined) {
        const last = Number(block());
        const paid = settled
          .filter((one) => one.block >= (fromBlock ?? last + 1) && key(one.call.batch.validator) === key(validator))
          .flatMap(({ call }) => call.lines.filter((line) => key(line.payee) === key(payee)));
        return { grossAtomic: paid.reduce((sum, { gross }) => sum + gross, 0n), nextBlock: last + 1 };
      },
    },
    writes: {
      activateEra: remembering(async (sender: Uint8Array, call: ActivateCall) =>
        beaconClient(sender).activateEra(call),
      ),
      deposit: remembering(async (sender: Uint8Array, amount: bigint) => {
        if (amount > get(wallets, key(sender))) refuse('InsufficientBalance', amount);
        add(wallets, key(sender), -amount);
        add(free, key(sender), amount);
      }),
      admit: remembering(async (sender: Uint8Array, validator: BytesLike, amount: bigint) => {
        if (amount > get(free, key(sender))) refuse('InsufficientFree', amount);
        add(free, key(sender), -amount);
        const { admitted } = findChannel(sender, validator);
        changeChannel(channelKey(sender, validator), { admitted: admitted + amount });
      }),
      settle: remembering(async (_sender: Uint8Array, call: SettleCall) => {
        const { validator, sequence, logLength, logHead } = call.batch;
        const name = key(validator);
        const anchor = anchors.get(name) ?? { sequence: 0n, logLength: 0n, logHead: NO_HASH };
        if (sequence !== anchor.sequence + 1n) refuse('WrongSequence', anchor.sequence + 1n, sequence);
        if (logLength < anchor.logLength) refuse('LogShrunk', anchor.logLength, logLength);
        assertQuorum(call);
        const payers = new Set(call.debits.map(({ payer }) => key(payer)));
        if (payers.size !== call.debits.length) refuse('UnsortedPayers');
        const drawn = call.debits.map((debit) => draw(validator, debit));
        const { parts, own } = split(call);
        const debited = call.debits.reduce((sum, { amount }) => sum + amount, 0n);
        const credited = [...parts.values()].reduce((sum, part) => sum + part, 0n);
        if (debited !== credited) refuse('Unbalanced', debited, credited);
        for (const apply of drawn) apply();
        for (const [owner, part] of parts) add(credits, owner, part);
        for (const [name, part] of own) add(earned, name, part);
        for (const id of call.ejections) if (!ejected.has(key(id))) ejected.set(key(id), Math.floor(wallMs() / 1_000));
        for (const one of call.tallies) {
          if (one.refuted > 0) refuted.set(key(one.payee), (refuted.get(key(one.payee)) ?? 0) + one.refuted);
        }
        anchors.set(name, { sequence, logLength, logHead: toPrefixed(logHead, 'head') });
        const transactionHash = toPrefixed(
          crypto.sha256(hashSettlement(crypto, settlementDomain, call as never)),
          'hash',
        );
        settled.push({ call, block: Number(block()), atMs: nowMs(), gross: debited, transactionHash });
        return { transactionHash, blockNumber: block() };
      }),
    },
  };
}

export type Ledger = ReturnType<typeof createLedger>;
