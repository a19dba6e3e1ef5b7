import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { compareRowKeys } from '@ogong/protocol/modality/text/drift/drift-table';
import type { DriftMeasurement, DriftSample } from '@ogong/protocol/modality/text/drift/drift-table-build';
import { readEvidence } from './read-evidence.ts';
import type { SampleStore } from './sample-store.ts';
import { isCheat, isHonest, parseSourceId } from './source-id.ts';

/** The content of all stores, by model and pair of classes: a table is built from it. */
export interface Measurements {
  /** Ascending by model, verifier's and provider's class. */
  readonly drift: readonly DriftMeasurement[];
  /** Honest replies that were checked in their own exact class, and how many of them differed: none should. */
  readonly equalities: { readonly replies: number; readonly differing: number };
  /** Honest samples that say nothing, by reason: none should be there. */
  readonly useless: ReadonlyMap<string, number>;
}

export interface MeasurementSource {
  readonly store: SampleStore;
  /** The samples of it that count. */
  readonly take: 'honest' | 'alternatives' | 'all';
  /** Behaviours that become alternatives. Default: all that are not honest. */
  readonly named?: ReadonlySet<string> | undefined;
  /** Only sources of these models, by the names of SourceId. Default: all. */
  readonly models?: ReadonlySet<string> | undefined;
  /** Only sources whose prompts were drawn out so far, or not at all for `none`. Default: all. */
  readonly promptTokens?: number | 'none' | undefined;
  /** Only sources whose replies were given so much room. Default: all. */
  readonly maxTokens?: number | undefined;
  /** Only these providers seen by these verifiers, see namePair. Default: all. */
  readonly pairs?: ReadonlySet<string> | undefined;
}

export interface ReadOptions {
  readonly codeVersion: string;
  /** Called with the number of replies, after each. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** Two setups, by name; a verifier may also be a peer's. */
export const namePair = (provider: string, verifier: string): string => `${provider} ${verifier}`;

/**
 * Reads samples back as evidence, by the functions that a validator calls. Alternatives whose pair of classes has no honest
 * sample are left out: there is nothing to compare them with. A cheat without samples on a model is taken from other models of the
 * same classes. It shows the scores that move. Honest replies of the model itself show the usual distance.
 * @throws ProtocolError, StoreError if a store is damaged.
 */
export function readMeasurements(
  crypto: Crypto,
  sources: readonly MeasurementSource[],
  { codeVersion, onProgress }: ReadOptions,
): Measurements {
  const groups = new Map<string, Group>();
  const useless = new Map<string, number>();
  let replies = 0;
  let differing = 0;
  const taken = sources.map((given) => ({ store: given.store, pairs: listTaken(given) }));
  const total = taken.flatMap(({ pairs }) => pairs).reduce((sum, { count }) => sum + count, 0);
  let done = 0;
  for (const { store, pairs } of taken) {
    for (const { source, verifier, behaviour } of pairs) {
      for (const sample of store.readScored(source, verifier)) {
        onProgress?.({ done: ++done, total });
        const evidence = readEvidence(crypto, sample);
        if (evidence.kind === 'drift') {
          const { replies: bands, ...key } = evidence;
          const group = findGroup(groups, key);
          if (!isNew(group, behaviour, sample.seed)) continue;
          for (const reply of bands) add(group, behaviour, { seed: sample.seed, evidence: reply });
        } else if (isHonest(behaviour) && evidence.kind === 'equality') {
          replies++;
          if (!evidence.identical) differing++;
        } else if (isHonest(behaviour) && evidence.kind === 'nothing') {
          useless.set(evidence.reason, (useless.get(evidence.reason) ?? 0) + 1);
        }
      }
    }
  }
  const all = [...groups.values()].sort((a, b) => compareRowKeys({ ...a, band: 0 }, { ...b, band: 0 }));
  const drift = all
    .filter(({ honest }) => honest.length > 0)
    .map((group) => {
      const { modelRoot, providerClass, verifierClass, honest } = group;
      return {
        ...{ modelRoot, providerClass, verifierClass, honest, codeVersion },
        alternatives: collectAlternatives(group, all),
      };
    });
  return { drift, equalities: { replies, differing }, useless };
}

/**
 * The longest replies and prompts come first. A shorter reply to the same prompt under the same key is the beginning of a longer
 * one. It counts only if there is no longer one.
 */
function listTaken({ store, take, named, models, promptTokens, maxTokens, pairs }: MeasurementSource) {
  return store
    .listPairs()
    .flatMap((pair) => {
      const id = parseSourceId(pair.source);
      if (id === undefined) return [];
      const { behaviour } = id;
      if (promptTokens !== undefined && (id.promptTokens ?? 'none') !== promptTokens) return [];
      if (models?.has(id.model) === false) return [];
      if (maxTokens !== undefined && id.maxTokens !== maxTokens) return [];
      if (pairs?.has(namePair(id.setup, pair.verifier.slice(id.model.length + 1))) === false) return [];
      const isTaken =
        (isHonest(behaviour) && take !== 'alternatives') ||
        (isCheat(behaviour) && take !== 'honest' && named?.has(behaviour) !== false);
      return isTaken ? [{ ...pair, ...id }] : [];
    })
    .sort((a, b) => (b.promptTokens ?? 0) - (a.promptTokens ?? 0) || b.maxTokens - a.maxTokens);
}

type Key = Pick<DriftMeasurement, 'modelRoot' | 'providerClass' | 'verifierClass'>;

interface Group extends Key {
  readonly honest: DriftSample[];
  readonly alternatives: Map<string, DriftSample[]>;
  readonly seen: Set<string>;
}

/** Ascending by name. */
function collectAlternatives(group: Group, all: readonly Group[]): DriftMeasurement['alternatives'] {
  const alike = all.filter(
    ({ providerClass, verifierClass }) =>
      providerClass === group.providerClass && verifierClass === group.verifierClass,
  );
  const names = new Set(alike.flatMap(({ alternatives }) => [...alternatives.keys()]));
  return [...names].sort().map((name) => {
    const replies = group.alternatives.get(name) ?? alike.flatMap(({ alternatives }) => alternatives.get(name) ?? []);
    return { name, replies };
  });
}

/** One prompt under one draw key counts once, however many setups of the same classes served or checked it. */
function isNew({ seen }: Group, behaviour: string, seed: number): boolean {
  const key = `${behaviour} ${seed}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

function findGroup(groups: Map<string, Group>, { modelRoot, verifierClass, providerClass }: Key): Group {
  const key = [toHex(modelRoot), verifierClass, providerClass].join('\n');
  const group = groups.get(key) ?? {
    ...{ modelRoot, providerClass, verifierClass, honest: [] },
    alternatives: new Map(),
    seen: new Set(),
  };
  groups.set(key, group);
  return group;
}

function add({ honest, alternatives }: Group, behaviour: string, sample: DriftSample): void {
  if (isHonest(behaviour)) {
    honest.push(sample);
    return;
  }
  const list = alternatives.get(behaviour) ?? [];
  list.push(sample);
  alternatives.set(behaviour, list);
}
