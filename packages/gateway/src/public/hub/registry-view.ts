import { ChainError } from '@ogong/chain/errors';
import { ApiError } from '@ogong/host/http/api-error';
import { createRateLimiter } from '@ogong/host/link/token-bucket';
import type { Clock } from '@ogong/host/time/clock';
import {
  type HubName,
  type RegistryEntry,
  type RegistryReads,
  readRegistryEntry,
} from '@ogong/hub/named/registry-entry';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { toHex } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { createMemo } from '../../front/memo.ts';

/** The most names that are listed and searched. A query looks at each one. */
const MAX_NAMES = 20_000;
const MAX_KEPT_ENTRIES = 2_048;
const MAX_KEPT_ROOTS = 65_536;
const FRESH_MS = 15_000;
/** Entries that are read of the chain, for all callers together. */
const ENTRIES = { perSecond: 20, burst: 300 };
/** Entries that one call reads to learn the names of roots. */
const LEARNED_AT_ONCE = 64;

/** The part of a chain client that reads the model registry. */
export interface RegistryChain extends RegistryReads {
  listModels(limit: number, first?: number): Promise<readonly HubName[]>;
}

/** The model registry as last read, at most 15 seconds ago. */
export interface RegistryView {
  /** Names in the order of their first publication. @throws ApiError */
  names(): Promise<readonly HubName[]>;
  /** @throws ApiError `not_found` for a name without versions */
  entry(name: HubName): Promise<RegistryEntry>;
  /** Name of the model that has weights of this root, 64 hex digits. It is known once its entry was read. */
  nameOfRoot(root: string): HubName | undefined;
  /** Reads some entries that were never read, so that roots get names. */
  learnRoots(): Promise<void>;
}

export interface RegistryViewDependencies {
  readonly client: () => Promise<RegistryChain>;
  /** The chain and the model registry on it. */
  readonly registry: LedgerDomain;
  readonly clock: Clock;
}

export function createRegistryView({ client, registry, clock }: RegistryViewDependencies): RegistryView {
  const budget = createRateLimiter(ENTRIES, clock);
  const entries = createMemo<RegistryEntry>({ capacity: MAX_KEPT_ENTRIES, lifetimeMs: () => FRESH_MS }, clock);
  const lists = createMemo<readonly HubName[]>({ capacity: 1, lifetimeMs: () => FRESH_MS }, clock);
  const namesByRoot = new Map<string, HubName>();
  let known: readonly HubName[] = [];
  let learned = 0;

  /** The registry only adds names, so a reading goes on behind the last known one. */
  const names = () =>
    lists('', () =>
      readChain(async () => {
        const more = await (await client()).listModels(MAX_NAMES - known.length, known.length);
        known = [...known, ...more];
        return known;
      }),
    );

  async function readEntry(name: HubName): Promise<RegistryEntry> {
    if (!budget.take('all'))
      throw new ApiError('too_many_requests', 'Too many models are read at once; try again soon.', { retryAfterS: 2 });
    const entry = await readChain(async () => readRegistryEntry(await client(), registry, name));
    for (const { modelRoot } of entry.versions) {
      namesByRoot.set(toHex(modelRoot), name);
      if (namesByRoot.size > MAX_KEPT_ROOTS) namesByRoot.delete(namesByRoot.keys().next().value as string);
    }
    return entry;
  }
  const entry = ({ maker, model }: HubName) => entries(`${maker}/${model}`, () => readEntry({ maker, model }));

  return {
    names,
    entry,
    nameOfRoot: (root) => namesByRoot.get(root),
    async learnRoots() {
      const next = (await names()).slice(learned, learned + LEARNED_AT_ONCE);
      learned += next.length;
      await Promise.allSettled(next.map(entry));
    },
  };
}

/** @throws ApiError in place of a failure of the chain, or of a name that the registry does not have. */
async function readChain<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof TransferError && cause.code === 'not-listed')
      throw new ApiError('not_found', 'The registry has no such model.', { cause });
    if (cause instanceof ChainError)
      throw new ApiError('chain_unreachable', 'The chain cannot be read; try again later.', { cause, retryAfterS: 5 });
    throw cause;
  }
}
