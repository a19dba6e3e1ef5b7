import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import type { HostPort } from '@ogong/host/link/host-port';
import { createLinkClient } from '@ogong/host/link/link-client';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { signAnnouncement } from '@ogong/protocol/exchange/announcement';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createRouter, type RouterOptions } from '@ogong/router/router';
import { ROUTER_SCHEMA } from '@ogong/router/router-store';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { ledger, network } from '@ogong/testing/validator/test-bench';
import { createTestPayee, WORD_UNTIL_MS } from '@ogong/testing/validator/test-keys';

const provider = createNodeHybridSigner(new Uint8Array(64).fill(101));
export const routedProviderId: Uint8Array = hashHybridKey(crypto, provider.publicKey);
const payee = createTestPayee('routed');
const payeeWord = signProviderPayee(crypto, payee, {
  validUntilMs: WORD_UNTIL_MS,
  ledger,
  providerId: routedProviderId,
});

/** A router without a chain, and the messages that one provider and one gateway send to it. */
export async function openRouter(given: Pick<Partial<RouterOptions>, 'peers' | 'maxProviders'> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-router-'));
  const [identity, link] = await Promise.all([makeIdentity(40), makeIdentity(1)]);
  async function open(bind: HostPort) {
    const store = openStore(join(directory, 'router.db'), { schema: ROUTER_SCHEMA });
    const router = createRouter(
      { bind, address: new Uint8Array(20).fill(5), refreshMs: 3_600_000, handMs: 3_600_000, ...given },
      {
        crypto,
        clock: systemClock,
        signer: createNodeHybridSigner(new Uint8Array(64).fill(41)),
        identity,
        chain: {
          ledger,
          network,
          validators: () => [],
          generations: () => [],
          parameters: () => undefined,
          readBeaconKeys: async () => undefined,
          client: () => Promise.reject(new Error('there is no chain here')),
        },
        store,
        log: createLogger({ name: 'test', level: 'silent' }),
        metrics: createMetrics('router'),
      },
    );
    await router.start();
    return { store, router };
  }
  let running = await open({ host: '127.0.0.1', port: 0 });
  const stop = async (): Promise<void> => {
    await running.router.stop(0);
    running.store.close();
  };
  const endpoint = running.router.address();
  const client = createLinkClient({ endpoint, certHash: identity.id, identity: link });
  let sequence = 0n;
  return {
    get store() {
      return running.store;
    },
    service: client.service(RouterService),
    /** Asks its peers for supply. */
    exchange: () => running.router.exchange(),
    door: { endpoint, certHash: identity.id },
    /** Closes the router, and opens it again over its database, at the same place. */
    async restart() {
      await stop();
      running = await open(endpoint);
    },
    /** The next announcement of the provider, over the same link as everything else. */
    announcement() {
      const issuedAtMs = Date.now();
      const announcement = {
        providerId: routedProviderId,
        payee: payee.address,
        endpoint: '127.0.0.1:9001',
        certHash: link.id,
        verifier: undefined,
        models: [
          {
            modelId: FAKE_MODEL,
            modelRoot: new Uint8Array(32),
            pricePer1kAtomic: 1n,
            contextSize: 9,
            modality: 'text',
            numericClass: 'x',
            capacity: 4,
            freeCapacity: 4,
          },
        ],
        segments: [],
        sequence: ++sequence,
        issuedAtMs,
        expiresAtMs: issuedAtMs + 60_000,
      };
      return signAnnouncement(provider, announcement, { payeeWord });
    },
    route(number = 7) {
      const replyId = new Uint8Array(16).fill(number);
      return { model: FAKE_MODEL, maxPricePer1k: 10n, exclude: [new Uint8Array(32)], replyId };
    },
    async close() {
      client.close();
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
