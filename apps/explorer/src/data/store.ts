import type { Deployment } from '@ogong/chain/deployment';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { createPublicApi, type ModelRow, type NetworkInfo, type PublicApi } from './api.ts';
import { checkEpoch, readGenerations } from './beacon-history.ts';
import { type LedgerReading, readContracts, readLedger } from './ledger.ts';
import { type ReadLog, readLog } from './logs.ts';
import { type ChainReader, createChainReader } from './rpc.ts';

export interface BeaconState {
  readonly epoch: bigint;
  readonly kind: string;
  readonly checks: readonly Check[];
}

/** All that the page knows of the network, as last read. */
export interface NetworkState {
  readonly api: PublicApi;
  readonly info?: NetworkInfo;
  readonly deployment?: Deployment;
  readonly reader?: ChainReader;
  readonly ledger?: LedgerReading;
  readonly models?: readonly ModelRow[];
  readonly logs?: readonly ReadLog[];
  readonly beacon?: BeaconState;
  /** Problems of reads, by subject. */
  readonly problems: Readonly<Record<string, string>>;
  /** Times of the last reads that succeeded, by subject. */
  readonly readAtMs: Readonly<Record<string, number>>;
  readonly readMs: number;
}

export type StoreListener = (state: NetworkState) => void;

const PAUSE_MS = 5_000;

export interface NetworkStore {
  get(): NetworkState;
  subscribe(listener: StoreListener): () => void;
  refresh(): Promise<void>;
  /** Reads again and again while the page is in view. */
  run(): void;
}

export function createNetworkStore(baseUrl: string): NetworkStore {
  const listeners = new Set<StoreListener>();
  let state: NetworkState = { api: createPublicApi(baseUrl), problems: {}, readAtMs: {}, readMs: 0 };

  function publish(change: Partial<NetworkState>): void {
    state = { ...state, ...change, readMs: Date.now() };
    for (const listener of listeners) listener(state);
  }

  async function attempt(what: string, read: () => Promise<Partial<NetworkState>>): Promise<void> {
    try {
      const change = await read();
      const { [what]: _, ...problems } = state.problems;
      publish({ ...change, problems, readAtMs: { ...state.readAtMs, [what]: Date.now() } });
    } catch (error) {
      publish({ problems: { ...state.problems, [what]: (error as Error).message } });
    }
  }

  async function readInfo(): Promise<Partial<NetworkState>> {
    const info = await state.api.network();
    const deployment = state.deployment ?? readContracts(info.contracts);
    const reader = state.reader ?? (info.rpcUrl === undefined ? undefined : createChainReader(info.rpcUrl));
    return { info, ...(deployment && { deployment }), ...(reader && { reader }) };
  }

  async function refresh(): Promise<void> {
    await attempt('network', readInfo);
    const { api, info, deployment, reader } = state;
    if (info === undefined) return;
    await Promise.all([
      attempt('models', async () => ({ models: await api.models() })),
      attempt('chain', async () => (deployment && reader ? { ledger: await readLedger(reader, deployment) } : {})),
    ]);
    const { ledger } = state;
    const validators = ledger?.validators ?? info.validators;
    await Promise.all([
      attempt('logs', async () => ({
        logs: await Promise.all(
          validators.map(({ address }) =>
            readLog(api, {
              validator: address,
              chainId: info.chainId,
              settlement: info.settlement,
              anchor: ledger?.anchors.get(`0x${toHex(address)}`),
            }),
          ),
        ),
      })),
      attempt('beacon', async () => {
        const generations = await readGenerations(reader, deployment);
        const { epoch, kind, checks } = checkEpoch(await api.certificate(0n), { info, validators, generations });
        return { beacon: { epoch, kind, checks } };
      }),
    ]);
  }

  return {
    get: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh,
    run() {
      const again = async (): Promise<void> => {
        if (!document.hidden) await refresh();
        setTimeout(again, PAUSE_MS);
      };
      void again();
    },
  };
}
