import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { formatHostPort } from '@ogong/host/link/host-port';
import type { Peer } from '@ogong/host/link/link-pool';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { MAX_ANNOUNCEMENT_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import type { CommitReply } from '@ogong/provider/modality/text/commit-reply';
import type { ServedOffer } from '@ogong/provider/provider/orders/offers';
import { createProvider } from '@ogong/provider/provider/provider';
import { createOpenings, type Openings, PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';
import { type BlobStore, openBlobStore } from '@ogong/provider/provider/serving/blob-store';
import { noClient } from '@ogong/testing/network/fixed-chain';
import { createNamedIdentity, LOOPBACK } from '@ogong/testing/network/loopback-server';
import { until } from '@ogong/testing/provider/provider-fixture';
import { network } from '@ogong/testing/validator/test-bench';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import type { PathValidator } from './path-validator.ts';

/** Views of a network that a provider reads. */
export type ProviderView = Pick<PathValidator, 'clock' | 'chain' | 'beacons' | 'isAnnounced'>;

export interface PathProviderOptions {
  readonly offers: readonly ServedOffer[];
  readonly validator: ProviderView;
  /** Routers that get its announcements, besides its validator. */
  readonly routers?: readonly Peer[];
  /** Default: so seldom that an announcement stays valid when the test's clock jumps. */
  readonly announceIntervalMs?: number;
  /** How an attacker commits. Default: honestly. */
  readonly commit?: CommitReply;
  /** How an attacker opens. Default: honestly. */
  readonly bendOpenings?: (openings: Openings) => Openings;
  /** How an attacker delivers the values that its openings name. Default: as committed. */
  readonly bendBlobs?: ((blobs: BlobStore) => BlobStore) | undefined;
}

const BLOB_BUDGET = 2 ** 28;

/** The provider role over real links, on the validator's clock. Its key and its payee are made from `name`. */
export async function startProvider(
  name: string,
  {
    offers,
    validator,
    routers = [],
    announceIntervalMs = MAX_ANNOUNCEMENT_LIFETIME_MS / 3,
    commit,
    bendOpenings = (openings) => openings,
    bendBlobs = (blobs) => blobs,
  }: PathProviderOptions,
) {
  const { clock, chain } = validator;
  const identity = await createNamedIdentity(name);
  const payee = createTestPayee(name);
  const store = openStore(':memory:', { schema: PROVIDER_SCHEMA });
  const commits = createGroupCommit(store);
  const folder = mkdtempSync(join(tmpdir(), 'ogong-path-blobs-'));
  const blobs = await openBlobStore({ folder, maxBytes: BLOB_BUDGET }, { crypto, findExpiry: () => undefined });
  const provider = createProvider(
    { bind: LOOPBACK, offers, routers, announceIntervalMs },
    {
      ...{
        crypto,
        clock,
        payee,
        identity,
        ...{ store, commits },
        chain: { ...chain, network, client: noClient },
      },
      signer: createTestHybrid(name),
      beacons: validator.beacons,
      readPayments: async () => ({ grossAtomic: 0n, nextBlock: 1 }),
      openings: bendOpenings(createOpenings(commits)),
      blobs: bendBlobs(blobs),
      ...(commit && { commit }),
      log: createLogger({ name: 'test', level: 'silent' }),
      metrics: createMetrics('provider'),
    },
  );
  await provider.start();
  await until(() => validator.isAnnounced(identity.id));
  return {
    id: provider.id,
    peer: { endpoint: formatHostPort(provider.address()), certHash: identity.id },
    payee,
    async close() {
      await provider.stop(0);
      await commits.close();
      store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
