import type { Crypto } from '@ogong/protocol/crypto';
import type { DriftMeasurement, DriftSample } from '@ogong/protocol/drift-table-build';
import { readEvidence } from './read-evidence.ts';
import type { SampleStore } from './sample-store.ts';
import { HONEST, parseSourceId } from './source-id.ts';

/** All that stores hold, by pair of classes: what a table is built from. */
export interface Measurements {
  /** Ascending by weights, verifier's and provider's class. */
  readonly drift: readonly DriftMeasurement[];
  /** Honest replies that were checked in their own exact class, and how many of them differed: none should. */
  readonly equalities: { readonly replies: number; readonly differing: number };
  /** Honest samples that say nothing, by reason: none should be there. */
  readonly useless: ReadonlyMap<string, number>;
}

export interface MeasurementSource {
  readonly store: SampleStore;
  /** Which samples of it count. */
  readonly take: 'honest' | 'alternatives' | 'all';
  /** Behaviours that become alternatives. Default: all that are not honest. */
  readonly named?: ReadonlySet<string> | undefined;
}

/**
 * Reads samples back as evidence, by the functions that a validator calls. Alternatives whose pair of classes has no
 * honest sample are left out: there is nothing to tell them from.
 * @throws ProtocolError, StoreError where a store is damaged.
 */
export function readMeasurements(
  crypto: Crypto,
  sources: readonly MeasurementSource[],
  { codeVersion }: { readonly codeVersion: string },
): Measurements {
  const groups = new Map<string, Group>();
  const useless = new Map<string, number>();
  let replies = 0;
  let differing = 0;
  for (const { store, take, named } of sources) {
    for (const { source, verifier } of store.listPairs()) {
      const behaviour = parseSourceId(source)?.behaviour;
      if (behaviour === undefined || (take !== 'all' && (behaviour === HONEST) !== (take === 'honest'))) continue;
      if (behaviour !== HONEST && named?.has(behaviour) === false) continue;
      for (const sample of store.readScored(source, verifier)) {
        const evidence = readEvidence(crypto, sample);
        if (evidence.kind === 'drift') {
          const { replies: bands, ...key } = evidence;
          const group = findGroup(groups, key);
          if (!isNew(group, behaviour, sample.seed)) continue;
          for (const reply of bands) add(group, behaviour, { seed: sample.seed, evidence: reply });
        } else if (behaviour === HONEST && evidence.kind === 'equality') {
          replies++;
          if (!evidence.identical) differing++;
        } else if (behaviour === HONEST && evidence.kind === 'nothing') {
          useless.set(evidence.reason, (useless.get(evidence.reason) ?? 0) + 1);
        }
      }
    }
  }
  const drift = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => group)
    .filter(({ honest }) => honest.length > 0)
    .map(({ alternatives, seen: _, ...group }) => ({
      ...group,
      codeVersion,
      alternatives: [...alternatives]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, samples]) => ({ name, replies: samples })),
    }));
  return { drift, equalities: { replies, differing }, useless };
}

interface Group extends Pick<DriftMeasurement, 'providerClass' | 'verifierClass' | 'weights'> {
  readonly honest: DriftSample[];
  readonly alternatives: Map<string, DriftSample[]>;
  readonly seen: Set<string>;
}

/** One prompt under one draw key counts once, however many setups of the same classes served or checked it. */
function isNew({ seen }: Group, behaviour: string, seed: number): boolean {
  const key = `${behaviour} ${seed}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

function findGroup(
  groups: Map<string, Group>,
  { weights, verifierClass, providerClass }: Pick<Group, 'providerClass' | 'verifierClass' | 'weights'>,
): Group {
  const key = [weights, verifierClass, providerClass].join('\n');
  const group = groups.get(key) ?? {
    ...{ providerClass, verifierClass, weights, honest: [] },
    alternatives: new Map(),
    seen: new Set(),
  };
  groups.set(key, group);
  return group;
}

function add({ honest, alternatives }: Group, behaviour: string, sample: DriftSample): void {
  if (behaviour === HONEST) {
    honest.push(sample);
    return;
  }
  const list = alternatives.get(behaviour) ?? [];
  list.push(sample);
  alternatives.set(behaviour, list);
}
