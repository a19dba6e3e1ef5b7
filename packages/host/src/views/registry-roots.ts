import type { ModelRegistryReads, ModelVersion } from '@ogong/chain/registry/model-registry';
import { fromHex, ProtocolError } from '@ogong/protocol/base/bytes';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { type FindModelRoots, listRootsInForce, type PublishedRoot } from '@ogong/protocol/stage1/published-root';
import { type Clock, monotonicClock } from '../time/clock.ts';
import type { ModelRoots } from './model-roots.ts';

export interface RegistryRootsOptions {
  /** A name is read again after this time: about a block. Default: 12,000. */
  readonly refreshMs?: number;
  /** Time for which read values count while the chain cannot be read. Default: an hour, less than any notice. */
  readonly staleMs?: number;
  /** Names that are remembered; the one that was read longest ago goes first. Default: 4,096. */
  readonly maxNames?: number;
  /** Names that may wait to be read; more stay unknown. Default: 256. */
  readonly maxWaiting?: number;
}

export interface RegistryRootsDependencies {
  readonly client: () => Promise<Pick<ModelRegistryReads, 'modelVersions'>>;
  readonly clock?: Clock;
  readonly onError?: (error: unknown) => void;
}

interface Reading {
  readonly versions: readonly PublishedRoot[];
  readonly atMs: number;
}

/** The registry on the chain. Names are read on demand and remembered for about a block. */
export function createRegistryRoots(
  { refreshMs = 12_000, staleMs = 3_600_000, maxNames = 4_096, maxWaiting = 256 }: RegistryRootsOptions,
  { client, clock = monotonicClock, onError = () => {} }: RegistryRootsDependencies,
): ModelRoots {
  const readings = new Map<string, Reading>();
  const waiting = new Map<string, Promise<void>>();

  async function read(key: string): Promise<void> {
    const [maker = '', model = ''] = key.split('/');
    try {
      const versions = (await (await client()).modelVersions({ maker, model })).map(toPublishedRoot);
      readings.delete(key);
      readings.set(key, { versions, atMs: clock.nowMs() });
      if (readings.size > maxNames) readings.delete(readings.keys().next().value as string);
    } catch (error) {
      onError(error);
    }
  }

  function renew(key: string): Promise<void> | undefined {
    const known = readings.get(key);
    if (known && clock.nowMs() - known.atMs < refreshMs) return undefined;
    const running = waiting.get(key);
    if (running || waiting.size >= maxWaiting) return running;
    const reading = read(key).finally(() => waiting.delete(key));
    waiting.set(key, reading);
    return reading;
  }

  return {
    find(modelId, span) {
      const key = toKey(modelId);
      if (key === undefined) return [];
      const known = readings.get(key);
      if (known === undefined || clock.nowMs() - known.atMs > staleMs) return undefined;
      return listRootsInForce(known.versions, span);
    },
    async prepare(modelIds) {
      const keys = new Set(modelIds.map(toKey).filter((key) => key !== undefined));
      await Promise.all([...keys].map(renew));
    },
  };
}

/** The registry for a reader of single names. @throws errors of reading it. */
export function createRootFinder({ client }: Pick<RegistryRootsDependencies, 'client'>): FindModelRoots {
  const roots = createRegistryRoots(
    {},
    {
      client,
      onError(error) {
        throw error;
      },
    },
  );
  return async (modelId, span) => {
    await roots.prepare([modelId]);
    return roots.find(modelId, span);
  };
}

/** Returns maker and model; undefined for a text that is no model id, which nobody can publish. */
function toKey(modelId: string): string | undefined {
  try {
    const { maker, model } = parseModelId(modelId);
    return `${maker}/${model}`;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

const toPublishedRoot = ({ modelRoot, from, until }: ModelVersion): PublishedRoot => ({
  modelRoot: fromHex(modelRoot.slice(2), 32),
  fromMs: Number(from) * 1000,
  untilMs: until === undefined ? undefined : Number(until) * 1000,
});
