import type { ListedVersion } from '@ogong/hub/named/fetch-manifest';
import type { HubName } from '@ogong/hub/named/registry-entry';
import type { RegistryFacts } from '@ogong/hub/signed-manifest';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Origin } from './manifest-summary.ts';

/** The most origins of one model that are shown, and generations of them. */
const MAX_EDGES = 24;
const MAX_GENERATIONS = 4;

/** A model and one that it was made from, as a manifest says. */
export interface LineageEdge extends Origin {
  /** Root of the model that was made, 64 hex digits. */
  readonly of: string;
  /** Name of the origin, if it is known. */
  readonly name: HubName | undefined;
}

export interface LineageReads {
  nameOfRoot(root: string): HubName | undefined;
  /** The registry's entry of the model with this root; undefined if it cannot be read. */
  findVersion(
    name: HubName,
    root: string,
  ): Promise<{ readonly listed: ListedVersion; readonly facts: RegistryFacts } | undefined>;
  /** Origins in the manifest of a version; none if it cannot be read. */
  listOrigins(listed: ListedVersion, facts: RegistryFacts): Promise<readonly Origin[]>;
}

/**
 * Follows the origins of a model through the manifests that name them, generation by generation.
 * @returns an edge for each origin; a model that is reached twice is followed once.
 */
export async function traceLineage(
  { modelRoot, lineage }: { readonly modelRoot: Uint8Array; readonly lineage: readonly Origin[] },
  reads: LineageReads,
): Promise<readonly LineageEdge[]> {
  const edges: LineageEdge[] = [];
  const followed = new Set<string>([toHex(modelRoot)]);
  let generation = [{ of: toHex(modelRoot), origins: lineage }];
  for (let i = 0; i < MAX_GENERATIONS && generation.length > 0; i++) {
    const found = generation.flatMap(({ of, origins }) =>
      origins.map((origin) => ({ ...origin, of, name: reads.nameOfRoot(origin.modelRoot) })),
    );
    edges.push(...found.slice(0, MAX_EDGES - edges.length));
    const next = edges.flatMap(({ modelRoot: root, name }) => {
      if (name === undefined || followed.has(root)) return [];
      followed.add(root);
      return [{ root, name }];
    });
    generation = await Promise.all(
      next.map(async ({ root, name }) => {
        const version = await reads.findVersion(name, root);
        const origins = version === undefined ? [] : await reads.listOrigins(version.listed, version.facts);
        return { of: root, origins };
      }),
    );
  }
  return edges;
}
