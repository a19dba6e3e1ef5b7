import { setTimeout as delay } from 'node:timers/promises';
import type { ChainClient, Channel, NetworkParameters } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { domainOf } from '@ogong/chain/domain';
import type { RegisteredMachine } from '@ogong/chain/registry/machines';
import type { BeaconKeysReading } from '@ogong/chain/validators/beacon-keys';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import type { BeaconGeneration } from '@ogong/protocol/beacon/threshold/threshold-value';
import { findValidator, type QuorumMember } from '@ogong/protocol/crypto/quorum';
import { OPENING_ASKED_MS } from '@ogong/protocol/exchange/limits';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { FindRouter, RegisteredRouter } from '@ogong/protocol/stage1/registered-router';
import { type Clock, monotonicClock, systemClock } from '../time/clock.ts';
import { createRepeating } from '../time/repeat.ts';
import { toGenerations } from './beacon-generations.ts';
import { findEntryProblem } from './machine-view.ts';
import { toRegisteredRouter } from './registered-router.ts';

/**
 * A daemon's view of the chain. It is read at intervals and kept while the chain is down. Nothing here decides about money, since the
 * contracts check again.
 */
export interface ChainView {
  /** Escrow contract: the domain that orders are signed for. */
  readonly ledger: LedgerDomain;
  readonly network: BeaconNetwork;
  start(): void;
  stop(): Promise<void>;
  /** @throws ChainError while the chain cannot be read. */
  refresh(): Promise<void>;
  /** The registered validators as last read; empty before the first read. */
  validators(): readonly QuorumMember[];
  /** The same, with the block that it was read at. */
  listing(): SetListing;
  /** The registry at a block, read now. @throws ChainError */
  listingAt(block: bigint): Promise<SetListing>;
  findByAddress(address: Uint8Array): QuorumMember | undefined;
  findByCertHash(certHash: Uint8Array): QuorumMember | undefined;
  /**
   * The same, or a validator that left within the last hour: the beacon needs it for two more epochs. It serves no other purpose: a
   * validator that has left has no say in anything new.
   */
  recallByAddress(address: Uint8Array): QuorumMember | undefined;
  recallByCertHash(certHash: Uint8Array): QuorumMember | undefined;
  /**
   * The lists of validators that were read within the last day, one for each change, the newest first. Certificates of that time name them
   * by their hash. The present one is the first of them.
   */
  recentLists(): readonly (readonly QuorumMember[])[];
  parameters(): NetworkParameters | undefined;
  /** Keys and eras of the threshold beacon as last read; undefined before that, and if the network has none. */
  beaconKeys(): BeaconKeysReading | undefined;
  /** Its keys, which check certificates. */
  generations(): readonly BeaconGeneration[];
  /** Reads them now. @throws ChainError */
  readBeaconKeys(): Promise<BeaconKeysReading | undefined>;
  /**
   * A payer's channel with a validator, at most one refresh interval old. While the chain is down or slow, it is the last value read,
   * unless a fresh reading is requested. The chain is read once at most.
   * @throws ChainError if it was never read.
   */
  channel(payer: Uint8Array, validator: Uint8Array, options?: ChannelReading): Promise<Channel>;
  /** Whether a batch has ejected the provider, at most one refresh interval old; false while the chain cannot be read. */
  isEjected(providerId: Uint8Array): Promise<boolean>;
  /**
   * Whether a provider's key has earned anything for this payee, or has its bond. At most one refresh interval old; false while the chain
   * cannot be read.
   */
  isBacked(providerId: Uint8Array, payee: Uint8Array): Promise<boolean>;
  /**
   * Why the registry of machines gives a provider's machine no traffic, at most one refresh interval old. It is undefined if the machine
   * gets traffic, and on a network without such a registry. @param attestedKey the machine's present signing key, if it was read.
   * @throws ChainError if it was never read.
   */
  findMachineProblem(providerId: Uint8Array, attestedKey?: Uint8Array): Promise<string | undefined>;
  /**
   * An account that is or was a router, at most one refresh interval old; as last read while the chain is down.
   * @throws ChainError if it was never read.
   */
  router: FindRouter;
  /** The connected client. @throws ChainError while the chain cannot be reached. */
  client(): Promise<ChainClient>;
}

export interface ChannelReading {
  /** Read it now, however new the last reading is. */
  readonly fresh?: boolean;
  /** Reads again if the last reading covers less than this. */
  readonly coversAtomic?: bigint;
  /** No reading is taken that is older than this, however long the chain is down. */
  readonly maxAgeMs?: number;
}

export interface SetListing {
  readonly block: bigint;
  readonly validators: readonly QuorumMember[];
}

export interface ChainViewOptions {
  readonly deployment: Deployment;
  /** Default: 30,000, the registry interval. */
  readonly refreshMs?: number;
  /** Wait for a new reading if there is an older one. Default: 1,000. */
  readonly patienceMs?: number;
}

export interface ChainViewDependencies {
  readonly connect: () => Promise<ChainClient>;
  readonly clock?: Clock;
  readonly onError?: (error: unknown) => void;
}

const MAX_REMEMBERED = 10_000;

interface FormerMember {
  readonly member: QuorumMember;
  /** When it was listed last. */
  readonly atMs: number;
}

const FORMER_MS = 3_600_000;
const MAX_FORMER = 1_024;

/** Returns validators that were listed within the last hour, newest first. */
function recall(former: readonly FormerMember[], listed: readonly QuorumMember[], nowMs: number): FormerMember[] {
  const names = new Set(listed.map(({ address }) => toHex(address)));
  const older = former.filter(({ member, atMs }) => !names.has(toHex(member.address)) && nowMs - atMs < FORMER_MS);
  return [...listed.map((member) => ({ member, atMs: nowMs })), ...older].slice(0, MAX_FORMER);
}

interface FormerList {
  readonly members: readonly QuorumMember[];
  readonly atMs: number;
}

/** Of all kept lists together: those of a network of a hundred validators that changes every two minutes. */
const MAX_LISTED = 1 << 16;

/** Members that have not changed are kept once. */
function keepLists(lists: readonly FormerList[], read: readonly QuorumMember[], nowMs: number): FormerList[] {
  const [newest] = lists;
  const known = new Map(newest?.members.map((member) => [toHex(member.address), member]));
  const members = read.map((member) => {
    const before = known.get(toHex(member.address));
    return before !== undefined && isSameMember(before, member) ? before : member;
  });
  const isSame =
    newest?.members.length === members.length && members.every((member, i) => member === newest.members[i]);
  const older = isSame ? lists.slice(1) : lists;
  const kept = [{ members: isSame ? newest.members : members, atMs: nowMs }, ...older];
  let listed = 0;
  return kept.filter(({ members, atMs }, i) => {
    listed += members.length;
    return i === 0 || (nowMs - atMs <= OPENING_ASKED_MS && listed <= MAX_LISTED);
  });
}

const isSameMember = (a: QuorumMember, b: QuorumMember): boolean =>
  a.stake === b.stake &&
  a.endpoint === b.endpoint &&
  equalBytes(a.signingKey, b.signingKey) &&
  equalBytes(a.certHash, b.certHash) &&
  equalBytes(a.vrfKey, b.vrfKey);

function toListing({ block, validators }: Awaited<ReturnType<ChainClient['validatorsAt']>>): SetListing {
  const members = validators.map(({ account, signingKey, stake, endpoint, certHash, vrfKey }) => ({
    address: fromHex(account.slice(2), 20),
    signingKey: fromHex(signingKey.slice(2), 20),
    stake,
    endpoint,
    certHash: fromHex(certHash.slice(2), 32),
    vrfKey: fromHex(vrfKey.slice(2), 32),
  }));
  return { block, validators: members };
}

export function createChainView(
  { deployment, refreshMs = 30_000, patienceMs = 1_000 }: ChainViewOptions,
  { connect, clock = monotonicClock, onError = () => {} }: ChainViewDependencies,
): ChainView {
  let connected: Promise<ChainClient> | undefined;
  let listing: SetListing = { block: 0n, validators: [] };
  let former: readonly FormerMember[] = [];
  let lists: readonly FormerList[] = [];
  let parameters: NetworkParameters | undefined;
  let beaconKeys: BeaconKeysReading | undefined;
  let generations: readonly BeaconGeneration[] = [];
  const timing = { refreshMs, patienceMs };
  const channels = createMemory<Channel>(timing, { clock, onError });
  const ejections = createMemory<boolean>(timing, { clock, onError });
  const backings = createMemory<boolean>(timing, { clock, onError });
  const machines = createMemory<RegisteredMachine | undefined>(timing, { clock, onError });
  const routers = createMemory<RegisteredRouter | undefined>(timing, { clock, onError });

  function client(): Promise<ChainClient> {
    connected ??= connect().catch((error: unknown) => {
      connected = undefined;
      throw error;
    });
    return connected;
  }

  async function read(): Promise<void> {
    const chain = await client();
    const [found, current] = await Promise.all([chain.validatorsAt(), chain.parameters(), readBeaconKeys()]);
    former = recall(former, listing.validators, clock.nowMs());
    listing = toListing(found);
    lists = keepLists(lists, listing.validators, clock.nowMs());
    parameters = current;
  }

  async function readBeaconKeys(): Promise<BeaconKeysReading | undefined> {
    if (deployment.beaconKeys === undefined) return undefined;
    const reading = await (await client()).beaconKeys();
    // Readings may overtake each other.
    if (reading === undefined || reading.block < (beaconKeys?.block ?? 0n)) return beaconKeys;
    beaconKeys = reading;
    generations = toGenerations(reading);
    return reading;
  }

  const repeating = createRepeating({ intervalMs: refreshMs }, read, onError);

  return {
    ledger: domainOf(deployment, deployment.escrow),
    network: { chainId: BigInt(deployment.chainId), settlement: fromHex(deployment.settlement.slice(2), 20) },
    start: repeating.start,
    stop: repeating.stop,
    refresh: repeating.trigger,
    validators: () => listing.validators,
    listing: () => listing,
    listingAt: async (block) => toListing(await (await client()).validatorsAt(block)),
    findByAddress: (address) => findValidator(listing.validators, address),
    findByCertHash: (certHash) => listing.validators.find((validator) => equalBytes(validator.certHash, certHash)),
    recallByAddress: (address) =>
      findValidator(listing.validators, address) ??
      former.find(({ member }) => equalBytes(member.address, address))?.member,
    recallByCertHash: (certHash) =>
      listing.validators.find((validator) => equalBytes(validator.certHash, certHash)) ??
      former.find(({ member }) => equalBytes(member.certHash, certHash))?.member,
    recentLists: () => lists.map(({ members }) => members),
    parameters: () => parameters,
    beaconKeys: () => beaconKeys,
    generations: () => generations,
    readBeaconKeys,
    channel(payer, validator, { fresh = false, coversAtomic = 0n, maxAgeMs } = {}) {
      const read = async (): Promise<Channel> => (await client()).channelOf(payer, validator);
      const key = `${toHex(payer)} ${toHex(validator)}`;
      const spendable = channels.peek(key)?.spendable;
      const isShort = spendable !== undefined && spendable < coversAtomic;
      return fresh || isShort ? channels.renew(key, read, { maxAgeMs }) : channels.get(key, read, { maxAgeMs });
    },
    isEjected: (providerId) =>
      ejections.get(toHex(providerId), async () => (await client()).isEjected(providerId), {
        otherwise: { value: false },
      }),
    isBacked: (providerId, payee) =>
      backings.get(
        `${toHex(providerId)} ${toHex(payee)}`,
        async () => {
          const { earned, bonded } = await (await client()).earningsOf(providerId, payee);
          return earned > 0n || bonded > 0n;
        },
        { otherwise: { value: false } },
      ),
    async findMachineProblem(providerId, attestedKey) {
      if (deployment.machines === undefined) return undefined;
      const read = async () => (await client()).machineOf(providerId);
      const name = toHex(providerId);
      const problemOf = (entry: RegisteredMachine | undefined) =>
        findEntryProblem(entry, attestedKey, systemClock.nowMs());
      const known = machines.peek(name);
      // A machine that was entered meanwhile need not wait for the next reading.
      const isNewsWanted = known !== undefined && problemOf(known) !== undefined;
      return problemOf(await (isNewsWanted ? machines.renew(name, read) : machines.get(name, read)));
    },
    router: (account) =>
      routers.get(toHex(account), async () => {
        const found = await (await client()).routerOf(account);
        return found && toRegisteredRouter(found);
      }),
    client,
  };
}

interface Fallback<T> {
  /** Used if there is no reading. */
  readonly otherwise?: { readonly value: T } | undefined;
  /** Readings that are older count as none. Default: any reading counts. */
  readonly maxAgeMs?: number | undefined;
}

interface Memory<T> {
  /** The last reading, however old. */
  peek(key: string): T | undefined;
  /**
   * The reading from within the refresh interval, or a new one. If a new one fails or takes too long, the reading before it, or
   * `otherwise`.
   */
  get(key: string, read: () => Promise<T>, fallback?: Fallback<T>): Promise<T>;
  /** A new reading; the one before it only if the new one fails. */
  renew(key: string, read: () => Promise<T>, fallback?: Fallback<T>): Promise<T>;
}

function createMemory<T>(
  { refreshMs, patienceMs }: Required<Pick<ChainViewOptions, 'refreshMs' | 'patienceMs'>>,
  { clock, onError }: Required<Pick<ChainViewDependencies, 'clock' | 'onError'>>,
): Memory<T> {
  /** When each value was read, and when that was tried last. */
  const readings = new Map<string, { readonly value: T; readonly readMs: number; readonly triedMs: number }>();

  function remember(key: string, value: T, readMs = clock.nowMs()): T {
    readings.delete(key);
    readings.set(key, { value, readMs, triedMs: clock.nowMs() });
    if (readings.size > MAX_REMEMBERED) readings.delete(readings.keys().next().value as string);
    return value;
  }

  function recallReading(key: string, maxAgeMs = Infinity) {
    const known = readings.get(key);
    return known && clock.nowMs() - known.readMs <= maxAgeMs ? known : undefined;
  }

  function renew(key: string, read: () => Promise<T>, { otherwise, maxAgeMs }: Fallback<T> = {}): Promise<T> {
    const reading = read().then((value) => remember(key, value));
    return reading.catch((error: unknown) => {
      const known = recallReading(key, maxAgeMs) ?? otherwise;
      if (known === undefined) throw error;
      onError(error);
      return known.value;
    });
  }

  return {
    peek: (key) => readings.get(key)?.value,
    renew,
    async get(key, read, fallback = {}) {
      const known = recallReading(key, fallback.maxAgeMs);
      if (known && clock.nowMs() - known.triedMs < refreshMs) return known.value;
      const reading = renew(key, read, fallback);
      const stale = known ?? fallback.otherwise;
      if (stale === undefined) return reading;
      const patience = new AbortController();
      const givenUp = delay(patienceMs, undefined, { signal: patience.signal }).then(
        // This counts as a try, so that not every caller waits for a chain that hangs.
        () => remember(key, stale.value, known?.readMs),
        () => stale.value,
      );
      return Promise.race([reading, givenUp]).finally(() => patience.abort());
    },
  };
}
