import { setTimeout as delay } from 'node:timers/promises';
import type { ChainClient } from '@ogong/chain/client';
import { createEventReader } from '@ogong/chain/events';
import type { Store } from '@ogong/host/store/store';
import { fromHex } from '@ogong/protocol/base/bytes';
import { createCursorStore, saveEjection, undoEjections } from './router-store.ts';

/** Follows ejections and reinstatements on the chain until it is stopped. It waits for a chain that is down. */
export function createEjectionWatch(
  { pollIntervalMs = 1_000 }: { readonly pollIntervalMs?: number },
  {
    store,
    client,
    onError,
  }: {
    readonly store: Store;
    readonly client: () => Promise<ChainClient>;
    readonly onError: (error: unknown) => void;
  },
) {
  const stopping = new AbortController();
  let stopReader = (): void => {};
  let running: Promise<void> | undefined;

  async function follow(): Promise<void> {
    const reader = createEventReader(
      { client: await client(), pollIntervalMs, onRetry: onError },
      { store: createCursorStore(store) },
    );
    stopReader = reader.stop;
    if (stopping.signal.aborted) return;
    for await (const event of reader.events()) {
      if (event.kind === 'rolledback') undoEjections(store, event.toBlock);
      else if ((event.name === 'Ejected' || event.name === 'Reinstated') && event.contract === 'settlement') {
        const providerId = fromHex(String(event.args.providerId).slice(2), 32);
        saveEjection(store, providerId, { block: event.blockNumber, ejected: event.name === 'Ejected' });
      }
    }
  }

  return {
    start() {
      running ??= (async () => {
        while (!stopping.signal.aborted) {
          await follow().catch(onError);
          await delay(pollIntervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
        }
      })();
    },
    async stop() {
      stopping.abort();
      stopReader();
      await running;
    },
  };
}
