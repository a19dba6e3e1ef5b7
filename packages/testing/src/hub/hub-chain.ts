import type { ChainClient } from '@ogong/chain/client';
import { contractNames, type Deployment } from '@ogong/chain/deployment';
import type { ModelVersion } from '@ogong/chain/registry/model-registry';
import type { Pin } from '@ogong/chain/registry/pins';
import type { HubName } from '@ogong/hub/named/registry-entry';
import { toHex } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';

export const HUB_NOW_S = 1_000n;

/** A model registry and pins in memory, behind the calls of a chain client. */
export interface HubChain {
  readonly client: Pick<
    ChainClient,
    'now' | 'makerOwner' | 'modelVersions' | 'listModels' | 'pinCount' | 'pinOf' | 'missedEpochsOf'
  >;
  /** Calls so far. */
  readonly calls: string[];
  readonly pins: Pin[];
  /** Publishes a version; the one before it ends. */
  publish(
    name: HubName,
    version: { readonly modelRoot: Uint8Array; readonly sources: readonly string[]; readonly licence?: string },
  ): void;
}

/** @param owner of all names, 20 bytes. */
export function createHubChain(owner: Uint8Array): HubChain {
  const models = new Map<string, ModelVersion[]>();
  const calls: string[] = [];
  const pins: Pin[] = [];
  const versionsOf = ({ maker, model }: HubName): ModelVersion[] => models.get(`${maker}/${model}`) ?? [];
  const count = <T>(call: string, value: T): Promise<T> => {
    calls.push(call);
    return Promise.resolve(value);
  };
  return {
    calls,
    pins,
    client: {
      now: () => count('now', HUB_NOW_S),
      makerOwner: (maker) => {
        const isOwned = [...models.keys()].some((name) => name.startsWith(`${maker}/`));
        return count('makerOwner', isOwned ? (`0x${toHex(owner)}` as const) : undefined);
      },
      modelVersions: (name) => count('modelVersions', [...versionsOf(name)]),
      listModels(limit, first = 0) {
        const names = [...models.keys()].slice(first, first + limit).map((name) => {
          const [maker = '', model = ''] = name.split('/');
          return { maker, model };
        });
        return count('listModels', names);
      },
      pinCount: () => count('pinCount', BigInt(pins.length)),
      pinOf: (pin) => count('pinOf', pins[Number(pin)] as Pin),
      missedEpochsOf: () => count('missedEpochsOf', 1),
    },
    publish(name, { modelRoot, sources, licence = 'Apache-2.0' }) {
      const before = versionsOf(name).map((version) => ({ ...version, until: HUB_NOW_S }));
      const version: ModelVersion = {
        ...{ modelRoot: `0x${toHex(modelRoot)}`, tokenizerHash: `0x${'00'.repeat(32)}`, adapterRoots: [] },
        ...{ licence, sources, from: 0n, until: undefined },
      };
      models.set(`${name.maker}/${name.model}`, [...before, version]);
    },
  };
}

/** A deployment with this model registry, and with pins. No chain is behind the other addresses. */
export function createHubDeployment({ chainId, verifyingContract }: LedgerDomain): Deployment {
  const others = Object.fromEntries(contractNames.map((name, i) => [name, `0x${`${i + 16}`.repeat(20)}`]));
  return {
    ...others,
    ...{ chainId: Number(chainId), block: 0, models: `0x${toHex(verifyingContract)}`, pins: `0x${'77'.repeat(20)}` },
  } as unknown as Deployment;
}
